/** Who is in the record: patients with their keys and profiles, and the staff who may be granted sight of them. */
import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { decodeUtf8, encodeBase32, encodeUtf8 } from '../../protocol/bytes.ts';
import { Fault } from '../../protocol/fault.ts';
import { encodeId, thumbprint } from '../../protocol/keys.ts';
import type { Erasures } from './erasures.ts';
import { createKey, openBytes, sealBytes } from './sealing.ts';

/** What the record knows of a person; sealed at rest. */
export interface Profile {
  readonly name: string;
  readonly birthDate?: string;
  /** Staff: what they do, e.g. "ophthalmologist". */
  readonly occupation?: string;
  readonly test: boolean;
}

export interface Patient {
  /** Record-local id; says nothing. */
  readonly id: string;
  /** Thumbprint of the patient's first key. */
  readonly subject: Uint8Array;
  /** The patient's first key. */
  readonly publicKey: Uint8Array;
  /** Seals what is the patient's in the record. */
  readonly key: Uint8Array;
}

export type Patients = ReturnType<typeof createPatients>;

/** Opens and seals with the key-encryption key; patients' keys stay in memory once opened. */
export function createPatients(db: DatabaseSync, keyEncryptionKey: Uint8Array, erasures: Erasures) {
  const insertPatient = db.prepare(
    'INSERT INTO patients (id, subject, public_key, key, profile) VALUES (?, ?, ?, ?, ?)',
  );
  const insertStaff = db.prepare('INSERT INTO practitioners (id, profile) VALUES (?, ?)');
  const allPatients = db.prepare('SELECT id, subject, public_key, key FROM patients');
  const patientBySubject = db.prepare('SELECT id, subject, public_key, key FROM patients WHERE subject = ?');
  const patientById = db.prepare('SELECT id, subject, public_key, key FROM patients WHERE id = ?');
  const profileById = db.prepare('SELECT profile FROM patients WHERE id = ?');
  const staffById = db.prepare('SELECT profile FROM practitioners WHERE id = ?');
  const allStaff = db.prepare('SELECT id FROM practitioners ORDER BY id');
  const cache = new Map<string, Patient>();
  const idBySubject = new Map<string, string>();

  function remember(row: Record<string, unknown> | undefined): Patient | undefined {
    if (!row) return undefined;
    const id = row.id as string;
    const subject = row.subject as Uint8Array;
    const known = cache.get(id);
    if (known) return known;
    const publicKey = row.public_key as Uint8Array;
    const key = openBytes(keyEncryptionKey, `patient ${id}`, row.key as Uint8Array);
    const patient = { id, subject, publicKey, key };
    cache.set(id, patient);
    idBySubject.set(encodeId(subject), id);
    return patient;
  }

  return {
    /**
     * Admits a patient by their first key; the same key again gives the same patient. Throws `erased` for a key whose
     * record was erased: what an agent still brings of it must not be filed.
     */
    admit(publicKey: Uint8Array, profile: Profile): Patient {
      const subject = thumbprint(publicKey);
      const known = this.bySubject(subject);
      if (known) return known;
      if (erasures.isErased(subject))
        throw new Fault('erased', 'this key was erased here; a new record needs a new key');
      const id = encodeBase32(randomBytes(16));
      const key = createKey();
      insertPatient.run(
        id,
        subject,
        publicKey,
        sealBytes(keyEncryptionKey, `patient ${id}`, key),
        sealBytes(key, `profile ${id}`, encodeProfile(profile)),
      );
      const patient = { id, subject, publicKey, key };
      cache.set(id, patient);
      idBySubject.set(encodeId(subject), id);
      return patient;
    },

    bySubject(subject: Uint8Array): Patient | undefined {
      const id = idBySubject.get(encodeId(subject));
      return (id && cache.get(id)) || remember(patientBySubject.get(subject));
    },

    byId(id: string): Patient | undefined {
      return cache.get(id) ?? remember(patientById.get(id));
    },

    all(): Patient[] {
      return allPatients.all().map((row) => remember(row)!);
    },

    /** After the rows are gone: nothing of the patient stays in memory, and what still holds the key holds zeros. */
    forget({ id, subject, key }: Patient): void {
      cache.delete(id);
      idBySubject.delete(encodeId(subject));
      key.fill(0);
    },

    profile(patient: Patient): Profile {
      const row = profileById.get(patient.id);
      return decodeProfile(openBytes(patient.key, `profile ${patient.id}`, row?.profile as Uint8Array));
    },

    /** Adds a member of staff under a given id; again: nothing changes. */
    admitStaff(id: string, profile: Profile): void {
      if (staffById.get(id)) return;
      insertStaff.run(id, sealBytes(keyEncryptionKey, `staff ${id}`, encodeProfile(profile)));
    },

    staff(id: string): Profile | undefined {
      const row = staffById.get(id);
      return row && decodeProfile(openBytes(keyEncryptionKey, `staff ${id}`, row.profile as Uint8Array));
    },

    staffIds(): string[] {
      return allStaff.all().map((row) => row.id as string);
    },
  };
}

function encodeProfile(profile: Profile): Uint8Array {
  return encodeUtf8(JSON.stringify(profile));
}

function decodeProfile(bytes: Uint8Array): Profile {
  const profile: Profile = JSON.parse(decodeUtf8(bytes));
  if (typeof profile.name !== 'string') throw new Fault('inconsistent', 'a stored profile has no name');
  return profile;
}
