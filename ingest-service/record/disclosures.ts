/** Each patient's chain of disclosures. Adding one is durable when `append` returns: only then may the bytes leave. */
import type { DatabaseSync } from 'node:sqlite';
import { commitmentOf } from '../../protocol/commitment.ts';
import { Fault } from '../../protocol/fault.ts';
import {
  type Disclosure,
  type DisclosureAct,
  decodeDisclosure,
  linkDisclosure,
  openDisclosures,
} from '../consent/disclosure.ts';
import type { Commitments } from './commitments.ts';
import type { Patient } from './patients.ts';
import { openBytes, sealBytes } from './sealing.ts';

export type Disclosures = ReturnType<typeof createDisclosures>;

export function createDisclosures(db: DatabaseSync, commitments: Commitments) {
  const newest = db.prepare('SELECT seq, id FROM disclosures WHERE patient = ? ORDER BY seq DESC LIMIT 1');
  const insert = db.prepare(`INSERT INTO disclosures (patient, seq, id, at, sealed)
     SELECT ?1, ?2, ?3, ?4, ?5 WHERE EXISTS (SELECT 1 FROM patients WHERE id = ?1)`);
  const page = db.prepare(
    'SELECT seq, sealed FROM disclosures WHERE patient = ? AND seq < ? ORDER BY seq DESC LIMIT ?',
  );
  const moved = db.prepare(
    `SELECT d.patient, d.seq, d.id FROM disclosures d
     JOIN (SELECT patient, max(seq) AS seq FROM disclosures GROUP BY patient) n ON n.patient = d.patient AND n.seq = d.seq
     LEFT JOIN disclosure_heads h ON h.patient = d.patient WHERE h.seq IS NULL OR h.seq < d.seq`,
  );
  const setHead = db.prepare(
    `INSERT INTO disclosure_heads (patient, seq, id) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET seq = excluded.seq, id = excluded.id`,
  );
  const purpose = (patient: Patient, seq: number) => `disclosure ${patient.id} ${seq}`;

  return {
    /**
     * Adds one act at the end of the patient's chain; the caller holds the transaction, whose commit makes it durable. Throws
     * `erased` when the patient is no more: then nothing may leave either.
     */
    append(patient: Patient, act: DisclosureAct): void {
      const row = newest.get(patient.id);
      const { subject } = patient;
      const end = row ? { subject, seq: row.seq as number, id: row.id as Uint8Array } : openDisclosures(subject);
      const { bytes, head } = linkDisclosure(end, act);
      const sealed = sealBytes(patient.key, purpose(patient, head.seq), bytes);
      const { changes } = insert.run(patient.id, head.seq, head.id, act.at, sealed);
      if (changes === 0) throw new Fault('erased', 'the patient was erased');
    },

    /** Newest first, at most `limit`, before a sequence number where given. */
    list(patient: Patient, limit: number, before = Number.MAX_SAFE_INTEGER): Disclosure[] {
      return page
        .all(patient.id, before, limit)
        .map((row) =>
          decodeDisclosure(openBytes(patient.key, purpose(patient, row.seq as number), row.sealed as Uint8Array)),
        );
    },

    /**
     * Commits to the newest entry of every chain that moved: one log entry for however many disclosures. Where none did,
     * `cover` (32 random octets) goes to the log, so that the log does not tell whether anybody looked at anything.
     */
    commitHeads(cover: Uint8Array): void {
      const heads = moved.all();
      if (heads.length === 0) commitments.add(cover);
      for (const row of heads) {
        commitments.add(commitmentOf('disclosure', row.id as Uint8Array));
        setHead.run(row.patient as string, row.seq as number, row.id as Uint8Array);
      }
    },
  };
}
