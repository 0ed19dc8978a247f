/**
 * Every row of the record against what it follows from: a seal, a signature, a hash, the log, or another row. A page of a
 * database has no checksum, so what is only stored, and never opened again, could change without anybody noticing.
 */
import type { DatabaseSync } from 'node:sqlite';
import { hasSchema } from '../../journal/sqlite-structure.ts';
import { openHeader } from '../../protocol/batch.ts';
import { encodeHex, equalBytes } from '../../protocol/bytes.ts';
import { commitmentOf } from '../../protocol/commitment.ts';
import { foldEvents } from '../../protocol/consent-chain.ts';
import type { Verify } from '../../protocol/cose.ts';
import { openEnrolment } from '../../protocol/enrolment.ts';
import { openKeyEvent } from '../../protocol/key-event.ts';
import { type AgentId, agentIdOf, encodeId, thumbprint } from '../../protocol/keys.ts';
import { rootOf } from '../../protocol/merkle.ts';
import { checkDisclosures, disclosureId, encodeDisclosure } from '../consent/disclosure.ts';
import { splitHashes } from '../receipts.ts';
import type { Patient } from '../record/patients.ts';
import { createRecordTables, type RecordStore } from '../record/record-sqlite.ts';
import { checkRowSums } from '../record/row-sums.ts';
import type { Findings } from './findings.ts';
import { scrubSegments } from './scrub-segments.ts';

export interface RecordScrub {
  readonly store: RecordStore;
  /** The same file, for what no part of the record reads. */
  readonly db: DatabaseSync;
  readonly findings: Findings;
  readonly verify: Verify;
  readonly servicePublicKey: Uint8Array;
  /** Entry of the public log at an index. */
  readonly entryAt: (index: number) => Uint8Array | undefined;
}

export const RECORD = 'service/record.sqlite';

export function scrubRecord(scrub: RecordScrub): void {
  const { db, findings } = scrub;
  findings.check(RECORD, 'its tables are others', () => hasSchema(db, createRecordTables));
  for (const says of checkRowSums(db)) findings.add(RECORD, says);
  const patients = scrubPatients(scrub);
  scrubAgents(scrub);
  scrubKeyEvents(scrub);
  scrubBatches(scrub);
  for (const patient of patients) scrubChains(scrub, patient);
  scrubSegments(scrub, patients);
  scrubCommitments(scrub);
}

function scrubPatients({ store, db, findings }: RecordScrub): Patient[] {
  const patients: Patient[] = [];
  for (const { id, subject, public_key: key } of db.prepare('SELECT id, subject, public_key FROM patients').all()) {
    findings.check(RECORD, 'a patient does not open, or is not whose key it is', () => {
      const patient = store.patients.byId(id as string)!;
      store.patients.profile(patient);
      patients.push(patient);
      return equalBytes(thumbprint(key as Uint8Array), subject as Uint8Array);
    });
  }
  for (const { id } of db.prepare('SELECT id FROM practitioners').all()) {
    findings.check(RECORD, 'a member of staff does not open', () => store.patients.staff(id as string) !== undefined);
  }
  return patients;
}

function scrubAgents({ store, db, findings, verify, servicePublicKey }: RecordScrub): void {
  for (const row of db.prepare('SELECT id, public_key, enrolment FROM agents').all()) {
    findings.check(RECORD, 'an agent is not the one that was enrolled', () => {
      const { agentKey } = openEnrolment(row.enrolment as Uint8Array, servicePublicKey, verify);
      const publicKey = row.public_key as Uint8Array;
      if (agentIdOf(publicKey) !== row.id) return false;
      // The enrolment is that of the first key; from it the rotations lead to this one.
      const first = store.keyEvents.lineOf(row.id as AgentId).at(-1);
      return first === row.id ? equalBytes(agentKey, publicKey) : agentIdOf(agentKey) === first;
    });
  }
}

/** What became of keys is what the service signed. */
function scrubKeyEvents({ db, findings, verify, servicePublicKey }: RecordScrub): void {
  for (const row of db.prepare('SELECT signed, agent, commitment FROM key_events').all()) {
    findings.check(RECORD, 'a key event is not what the service signed', () => {
      const event = openKeyEvent(row.signed as Uint8Array, servicePublicKey, verify);
      const commitment = commitmentOf('key-event', event.id);
      return encodeId(event.agent) === row.agent && equalBytes(commitment, row.commitment as Uint8Array);
    });
  }
}

function scrubBatches({ store, db, findings, verify }: RecordScrub): void {
  for (const { id } of db.prepare('SELECT id FROM batches').all()) {
    findings.check(RECORD, `batch ${id} is not what its agent signed`, () => {
      const batch = store.batches.get(id as string)!;
      const { header, id: signed } = openHeader(batch.signedHeader, store.agents.get(batch.agent)!.publicKey, verify);
      const hashes = splitHashes(batch.leafHashes);
      return (
        encodeId(signed) === id &&
        encodeId(header.agent) === batch.agent &&
        header.sequence === batch.sequence &&
        header.leafCount === hashes.length &&
        equalBytes(rootOf(hashes), header.root) &&
        equalBytes(batch.commitment, commitmentOf('batch', signed)) &&
        db.prepare('SELECT 1 FROM commitments WHERE commitment = ?').get(batch.commitment) !== undefined
      );
    });
  }
}

/** Consent and disclosures: sealed, numbered without a gap, each naming the one before. */
function scrubChains({ store, db, findings, verify }: RecordScrub, patient: Patient): void {
  const rowsOf = (table: string, columns: string) =>
    db.prepare(`SELECT ${columns} FROM ${table} WHERE patient = ? ORDER BY seq`).all(patient.id);
  const hasCommitment = (commitment: Uint8Array) =>
    db.prepare('SELECT 1 FROM commitments WHERE commitment = ?').get(commitment) !== undefined;
  findings.check(RECORD, 'the consent events of a patient do not hold', () => {
    const { seq, head } = foldEvents(patient.subject, patient.publicKey, store.consents.events(patient), verify);
    return seq === rowsOf('consents', 'seq').length && (seq === 0 || hasCommitment(commitmentOf('consent', head)));
  });
  findings.check(RECORD, 'the disclosures of a patient do not hold', () => {
    const rows = rowsOf('disclosures', 'seq, id, at');
    const entries = store.disclosures.list(patient, Number.MAX_SAFE_INTEGER).reverse();
    const bytes = entries.map(encodeDisclosure);
    checkDisclosures(patient.subject, bytes);
    const heads = rowsOf('disclosure_heads', 'seq, id');
    return (
      rows.length === entries.length &&
      rows.every(
        ({ seq, id, at }, i) =>
          seq === entries[i]!.seq && at === entries[i]!.at && equalBytes(id as Uint8Array, disclosureId(bytes[i]!)),
      ) &&
      heads.every(
        ({ seq, id }) =>
          rows.some((row) => row.seq === seq && equalBytes(row.id as Uint8Array, id as Uint8Array)) &&
          hasCommitment(commitmentOf('disclosure', id as Uint8Array)),
      )
    );
  });
}

/** What the log holds, stands where the record says; what it does not hold yet, nobody knows, and it is 32 octets. */
function scrubCommitments({ db, findings, entryAt }: RecordScrub): void {
  for (const row of db.prepare('SELECT commitment, sent, log_index FROM commitments').all()) {
    const {
      commitment,
      sent,
      log_index: index,
    } = row as { commitment: Uint8Array; sent: number; log_index: number | null };
    findings.check(RECORD, `commitment ${encodeHex(commitment)} is not where the log has it`, () => {
      if (index === null) return commitment.length === 32 && (sent === 0 || sent === 1);
      return sent === 1 && equalBytes(entryAt(index) ?? new Uint8Array(), commitment);
    });
  }
}
