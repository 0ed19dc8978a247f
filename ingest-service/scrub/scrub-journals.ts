/** What waits in the journals and what passed through them, against the record and the log. */
import type { DatabaseSync } from 'node:sqlite';
import { JOURNAL_SCHEMA } from '../../journal/sqlite-schema.ts';
import { hasSchema } from '../../journal/sqlite-structure.ts';
import { readHeader } from '../../protocol/batch.ts';
import { encodeHex, equalBytes } from '../../protocol/bytes.ts';
import { encodeId } from '../../protocol/keys.ts';
import { decodePosition } from '../../protocol/position.ts';
import { isInboxMark, openHeldBatch } from '../inbox.ts';
import type { Findings } from './findings.ts';

export interface JournalScrub {
  /** The record, for reading. */
  readonly record: DatabaseSync;
  readonly findings: Findings;
  readonly inboxKey: Uint8Array;
  readonly entryAt: (index: number) => Uint8Array | undefined;
}

interface Entry {
  readonly position: number;
  readonly id: string;
  readonly key: string | null;
  readonly body: Uint8Array | null;
}

const entriesOf = (journal: DatabaseSync) =>
  journal.prepare('SELECT position, id, key, body FROM entries ORDER BY position').all() as unknown as Entry[];

const BATCH_ID = /^[a-z2-7]{52}$/;

/** What is trimmed, or handed over, is in the record; what is not opens. */
export function scrubInbox(journal: DatabaseSync, { record, findings, inboxKey }: JournalScrub): void {
  const file = 'service/inbox.sqlite';
  const isFiled = record.prepare('SELECT agent FROM batches WHERE id = ?');
  const wasSetAside = record.prepare('SELECT 1 FROM unreadable WHERE batch = ?');
  const next = scrubCursors(journal, file, 'pipeline', findings);
  for (const { position, id, key, body } of entriesOf(journal)) {
    findings.check(file, `entry ${position} is not what was held`, () => {
      const filed = isFiled.get(id);
      if (body === null) return key === null && (filed !== undefined || !(BATCH_ID.test(id) || wasSetAside.get(id)));
      if (body.length === 0) return isInboxMark({ key: key ?? '', id, body });
      const { header, id: signed } = readHeader(openHeldBatch(inboxKey, id, body).signedHeader);
      const isThat = encodeId(signed) === id && encodeId(header.agent) === key;
      return isThat && (position >= next || filed?.agent === key);
    });
  }
}

/** An entry is its own id, the record made it, and it is in the log or will be. */
export function scrubCommitments(journal: DatabaseSync, { record, findings }: JournalScrub): void {
  const file = 'service/commitments.sqlite';
  const known = record.prepare('SELECT sent FROM commitments WHERE commitment = ?');
  scrubCursors(journal, file, 'ledger-writer', findings);
  for (const { position, id, key, body } of entriesOf(journal)) {
    findings.check(file, `entry ${position} is not a commitment of the record`, () => {
      return body !== null && encodeHex(body) === id && key === 'log' && known.get(body) !== undefined;
    });
  }
  findings.check(file, 'a commitment that the record sent is not there', () => {
    const there = new Set(entriesOf(journal).map(({ id }) => id));
    const sent = record.prepare('SELECT commitment FROM commitments WHERE sent = 1').all();
    return sent.every(({ commitment }) => there.has(encodeHex(commitment as Uint8Array)));
  });
}

/** Entry n tells of the log's entry n. */
export function scrubPositions(journal: DatabaseSync, { record, findings, entryAt }: JournalScrub): void {
  const file = 'service/positions.sqlite';
  const indexOf = record.prepare('SELECT log_index FROM commitments WHERE commitment = ?');
  const next = scrubCursors(journal, file, 'record', findings);
  for (const { position, id, key, body } of entriesOf(journal)) {
    findings.check(file, `entry ${position} is not where the log has it`, () => {
      const { commitment, index } = decodePosition(body!);
      const noted = indexOf.get(commitment)?.log_index as number | null | undefined;
      const isThat = index === position && encodeHex(commitment) === id && key === 'positions';
      // A log may hold what is not of this record; what is, knows its place once it was told.
      const isNoted = position >= next || noted === undefined || noted === index;
      return isThat && isNoted && equalBytes(entryAt(index) ?? new Uint8Array(), commitment);
    });
  }
}

/** Positions are counted without a gap, and nobody was handed what is not there; where the follower stands. */
function scrubCursors(journal: DatabaseSync, file: string, follower: string, findings: Findings): number {
  findings.check(file, 'its tables are others', () => hasSchema(journal, (fresh) => fresh.exec(JOURNAL_SCHEMA)));
  const entries = entriesOf(journal);
  const trimmed = (journal.prepare('SELECT before FROM trimmed').get()?.before as number | undefined) ?? 0;
  const cursors = journal.prepare('SELECT name, next FROM followers').all() as { name: string; next: number }[];
  findings.check(file, 'its entries are not counted without a gap', () =>
    entries.every(({ position }, i) => position === i),
  );
  findings.check(file, 'what was trimmed is not what it says', () =>
    entries.every(({ position, body }) => (body === null) === position < trimmed),
  );
  findings.check(file, 'a follower stands where it cannot', () =>
    cursors.every(({ name, next }) => name === follower && next >= trimmed && next <= entries.length),
  );
  return cursors.find(({ name }) => name === follower)?.next ?? 0;
}
