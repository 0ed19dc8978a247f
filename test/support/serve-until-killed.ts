/**
 * A world in a process of its own, with one patient whose strap never stops and a doctor who may see. Says on its first
 * line where it is, and goes on until it is killed. Argument: the data directory.
 */

import { consentToCollect } from '../../simulators/patients.ts';
import { discloseTo, EYE_DOCTOR, openTestWorld, practitioner } from './test-world.ts';

const world = await openTestWorld(process.argv[2]!);
const ada = world.patient('Ada (HTEST)');
await consentToCollect(ada);
await ada.client.grant(discloseTo(EYE_DOCTOR));
const home = await world.strapHome('home', [ada]);
for (let i = 0; i < 20; i++) await home.beat(60 + i);
await home.settle();
const link = world.service.createLink(practitioner(EYE_DOCTOR));
console.log(JSON.stringify({ url: world.service.url, patient: ada.id, link }));
for (let i = 0; ; i++) {
  await home.beat(60 + (i % 40));
  await new Promise((resolve) => setTimeout(resolve, 5));
}
