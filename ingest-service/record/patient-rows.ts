/** Every row of the record that is one patient's: what identifies them on the disk, how many there are, and their end. */
import type { DatabaseSync } from 'node:sqlite';
import { decodeUtf8, encodeUtf8 } from '../../protocol/bytes.ts';
import type { Instant } from '../../protocol/time.ts';
import type { CodeTerms } from './agents.ts';
import type { Patient } from './patients.ts';
import { openBytes } from './sealing.ts';
import type { Tombstones } from './tombstones.ts';

/** Octets of each needle: enough that none is met by chance. */
export const NEEDLE_OCTETS = 16;

/** Filed keys that are looked for; there is one for each reading, and the rest went with them. */
const MOST_FILED_KEYS = 10_000;

/** Of an agent that ever served the patient, under whatever name. */
const SERVED = 'agent IN (SELECT agent FROM gateways WHERE patient = ?)';

/** Tables with the column that holds the record-local id. A table that is missing here would outlive its patient. */
export const PATIENT_TABLES = {
  segments: 'patient',
  batch_counts: 'patient',
  filed_keys: 'patient',
  latest: 'patient',
  latest_untimed: 'patient',
  devices: 'patient',
  consents: 'patient',
  corrections: 'patient',
  disclosures: 'patient',
  disclosure_heads: 'patient',
  assignments: 'patient',
  gateways: 'patient',
  unpaired: 'patient',
  patients: 'id',
} as const;

export type PatientRows = ReturnType<typeof createPatientRows>;

export function createPatientRows(db: DatabaseSync, keyEncryptionKey: Uint8Array, tombstones: Tombstones) {
  const tables = Object.entries(PATIENT_TABLES);
  const segments = db.prepare('SELECT batch, first_leaf, last_leaf, leaves FROM segments WHERE patient = ?');
  const codes = db.prepare('SELECT code_hash, assignments FROM enrolment_codes');
  const clearForks = db.prepare(`UPDATE forks SET envelope = x'' WHERE ${SERVED}`);
  const clearUnreadable = db.prepare(`UPDATE unreadable SET body = x'' WHERE ${SERVED}`);
  const dropCode = db.prepare('DELETE FROM enrolment_codes WHERE code_hash = ?');
  const columns = {
    nonces: [
      'SELECT key AS x FROM segments WHERE patient = ?',
      'SELECT sealed AS x FROM segments WHERE patient = ?',
      'SELECT sealed AS x FROM consents WHERE patient = ?',
      'SELECT sealed AS x FROM disclosures WHERE patient = ?',
      'SELECT sealed AS x FROM corrections WHERE patient = ?',
      'SELECT id AS x FROM disclosures WHERE patient = ?',
      'SELECT handle AS x FROM assignments WHERE patient = ?',
      'SELECT handle AS x FROM devices WHERE patient = ?',
      'SELECT subject AS x FROM patients WHERE id = ?',
      'SELECT public_key AS x FROM patients WHERE id = ?',
      'SELECT key AS x FROM patients WHERE id = ?',
      'SELECT profile AS x FROM patients WHERE id = ?',
      // The encapsulated key: what is before it is the same in all envelopes of an agent (docs/format.md §6.1).
      `SELECT substr(envelope, 45, ${NEEDLE_OCTETS}) AS x FROM forks WHERE ${SERVED}`,
    ].map((sql) => db.prepare(sql)),
    filedKeys: db.prepare(`SELECT substr(key, 5) AS x FROM filed_keys WHERE patient = ? LIMIT ${MOST_FILED_KEYS}`),
  };

  function codesFor(patient: string): Uint8Array[] {
    return codes.all().flatMap((row) => {
      const sealed = row.assignments as Uint8Array;
      const terms = JSON.parse(decodeUtf8(openBytes(keyEncryptionKey, 'enrolment code', sealed))) as CodeTerms;
      const named = [...terms.patients, ...terms.assignments.map((one) => one.patient)];
      return named.includes(patient) ? [row.code_hash as Uint8Array] : [];
    });
  }

  return {
    /** By what the patient's rows are known on the disk, {@link NEEDLE_OCTETS} each: all but the id are random octets. */
    needles({ id }: Patient): Uint8Array[] {
      const found = [...columns.nonces, columns.filedKeys].flatMap((statement) =>
        statement.all(id).map((row) => (row.x as Uint8Array).slice(0, NEEDLE_OCTETS)),
      );
      return [encodeUtf8(id).slice(0, NEEDLE_OCTETS), ...found].filter(({ length }) => length === NEEDLE_OCTETS);
    },

    /** Rows that are left of a record-local id, and among how many was looked. */
    count(id: string): { readonly scanned: number; readonly found: number } {
      let [scanned, found] = [0, 0];
      for (const [table, column] of tables) {
        scanned += db.prepare(`SELECT count(*) AS n FROM ${table}`).get()!.n as number;
        found += db.prepare(`SELECT count(*) AS n FROM ${table} WHERE ${column} = ?`).get(id)!.n as number;
      }
      return { scanned, found };
    },

    /** Destroys every row, keys first of all; tombstones stay. The caller holds the transaction. */
    destroy({ id, subject }: Patient, erasedAt: Instant): { readonly segments: number; readonly leaves: number } {
      const rows = segments.all(id);
      for (const row of rows) {
        const [batch, firstLeaf, lastLeaf] = [row.batch as string, row.first_leaf as number, row.last_leaf as number];
        tombstones.add(subject, { batch, firstLeaf, lastLeaf, erasedAt });
      }
      for (const code of codesFor(id)) dropCode.run(code);
      // Whose readings are in an envelope cannot be told without opening it; the two headers prove the fork alone.
      clearForks.run(id);
      clearUnreadable.run(id); // of whom they are nobody can tell
      for (const [table, column] of tables) db.prepare(`DELETE FROM ${table} WHERE ${column} = ?`).run(id);
      return { segments: rows.length, leaves: rows.reduce((sum, row) => sum + (row.leaves as number), 0) };
    },
  };
}
