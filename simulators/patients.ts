/** Simulated patients: admitted to the service by their public key, with consent that they sign themselves. */
import { join } from 'node:path';
import { ALL_CLASSES } from '../protocol/consent-event.ts';
import { thumbprint } from '../protocol/keys.ts';
import { openPatientKey } from './keyring.ts';
import { createPatientClient, type PatientClient } from './patient-client.ts';
import type { World } from './world.ts';

export interface SimulatedPatient {
  /** Record-local id. */
  readonly id: string;
  readonly subject: Uint8Array;
  readonly keyFile: string;
  readonly client: PatientClient;
}

/** Admits a patient; `slug` names the key file, `name` must say HTEST. The same slug again is the same patient. */
export function admitPatient(world: World, directory: string, slug: string, name: string): SimulatedPatient {
  if (!name.includes('HTEST')) throw new RangeError('the name of a simulated patient contains HTEST');
  const keyFile = join(directory, 'keys', 'patients', `${slug}.json`);
  const signer = openPatientKey(keyFile);
  const id = world.admitPatient(signer.publicKey, name);
  return {
    id,
    subject: thumbprint(signer.publicKey),
    keyFile,
    client: createPatientClient(world.service.url, signer, Date.now),
  };
}

/** Consent to collect everything from all devices, unless the patient ever decided about collecting before. */
export async function consentToCollect({ client }: SimulatedPatient): Promise<void> {
  const { grants } = await client.consent();
  if (grants.some(({ action }) => action === 'collect')) return;
  await client.grant({ action: 'collect', classes: [ALL_CLASSES], period: { from: Date.now() } });
}
