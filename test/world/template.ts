/** Makes what every world begins with, as people would: first start, enrolment by code, consent. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createSigner } from '../../protocol/cose.ts';
import { thumbprint } from '../../protocol/keys.ts';
import { createRandom } from '../../simulators/random.ts';
import { Founders } from './founders.ts';
import { runAs } from './scheduler.ts';
import { HOUSEHOLDS, type Person, type Template, World } from './world.ts';

function createPerson(seed: number): Person {
  const random = createRandom(seed);
  const signer = createSigner(Uint8Array.from({ length: 32 }, () => Math.floor(256 * random())));
  return { signer, subject: thumbprint(signer.publicKey) };
}

/** In a folder of its own below `root`. */
export async function makeTemplate(root: string): Promise<Template> {
  const people = [0, 1, 2].map((i) => createPerson(1000 + i));
  const world = new World({ seed: 0, root: join(root, 'template'), people });
  const reach = async (what: string, holds: () => boolean) => {
    if (!(await world.until(holds, 60_000)))
      throw new Error(`the template does not get there: ${what} ${world.problems}`);
  };
  const all = async (what: string, work: Promise<unknown>) => {
    let isDone = false;
    let failure: unknown;
    work.then(
      () => {
        isDone = true;
      },
      (error) => {
        failure = error;
        isDone = true;
      },
    );
    await reach(what, () => isDone);
    if (failure) throw failure;
  };
  const founders = new Founders(world);
  founders.start();
  const stands = () => founders.isDone && world.homes.every(({ running }) => running?.gateway.status().connected);
  for (let i = 0; i < 60 && !stands(); i++) {
    founders.act();
    await world.run(500);
  }
  await reach('agents', stands);
  await world.run(3000);
  world.restarts = false;
  for (const { running } of world.homes)
    await all(
      'end of agent',
      runAs(running!.process, () => running!.gateway.stop()),
    );
  await all('end of service', runAs(world.service!.process, world.service!.stop));
  await all('end of writer', runAs(world.writer!.process, world.writer!.stop));
  await world.end();
  if (world.problems.length > 0) throw new Error(world.problems.join('; '));
  const folder = (name: string) =>
    join(root, 'template', readdirSync(join(root, 'template')).find((n) => n.startsWith(name))!);
  return { hub: folder('hub'), homes: HOUSEHOLDS.map((_, i) => folder(`home${i}`)), people };
}
