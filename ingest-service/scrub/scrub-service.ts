/** All that the service keeps, read once from end to end: its record, its journals, and the log that it proves by. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { openChecked } from '../../journal/sqlite-structure.ts';
import { decodeUtf8 } from '../../protocol/bytes.ts';
import { openCheckpoint } from '../../protocol/checkpoint.ts';
import { verifyEd25519 } from '../../protocol/ed25519.ts';
import { isFault } from '../../protocol/fault.ts';
import type { NoteKey } from '../../protocol/signed-note.ts';
import { bindTiles } from '../../protocol/tlog-tiles.ts';
import { servicePaths } from '../config.ts';
import { openServiceKeys } from '../keys.ts';
import { openLogReader } from '../log-reader.ts';
import { openRecordSqlite } from '../record/record-sqlite.ts';
import { Findings } from './findings.ts';
import { type JournalScrub, scrubCommitments, scrubInbox, scrubPositions } from './scrub-journals.ts';
import { RECORD, scrubRecord } from './scrub-record.ts';

/** Throws `missing` when a key is not there. A service may run meanwhile; what it is just writing may then be found. */
export async function scrubService(data: string, logKey: NoteKey): Promise<Findings> {
  const findings = new Findings();
  const paths = servicePaths(data);
  const keys = openServiceKeys(paths.keys, false);
  const entryAt = await readEntries(paths.log, logKey, findings);
  // It holds nothing, but who cannot open it does not start.
  if (existsSync(paths.lock)) openChecked(paths.lock, (says) => findings.add('service/running.sqlite', says))?.close();
  const record = openChecked(paths.record, (says) => findings.add(RECORD, says));
  if (!record) return findings;
  try {
    const store = openRecordSqlite({
      path: paths.record,
      keyEncryptionKey: keys.keyEncryptionKey,
      verify: verifyEd25519,
    });
    try {
      const { publicKey: servicePublicKey } = keys.signer;
      scrubRecord({ store, db: record, findings, verify: verifyEd25519, servicePublicKey, entryAt });
    } finally {
      store.close();
    }
    const scrub: JournalScrub = { record, findings, inboxKey: keys.inboxKey, entryAt };
    withJournal(paths.inbox, scrub, scrubInbox);
    withJournal(paths.commitments, scrub, scrubCommitments);
    withJournal(paths.positions, scrub, scrubPositions);
  } catch {
    findings.add(RECORD, 'it cannot be read to its end');
  } finally {
    record.close();
  }
  return findings;
}

function withJournal(
  path: string,
  scrub: JournalScrub,
  work: (journal: DatabaseSync, scrub: JournalScrub) => void,
): void {
  const file = join('service', path.slice(path.lastIndexOf('/') + 1));
  const journal = openChecked(path, (says) => scrub.findings.add(file, says));
  if (!journal) return;
  try {
    work(journal, scrub);
  } catch {
    scrub.findings.add(file, 'it cannot be read to its end');
  } finally {
    journal.close();
  }
}

/** Every entry, bound to the signed root. */
async function readEntries(directory: string, key: NoteKey, findings: Findings) {
  const entries: Uint8Array[] = [];
  const readTile = openLogReader(directory);
  try {
    const note = await readTile('checkpoint');
    const { checkpoint } = openCheckpoint(decodeUtf8(note ?? new Uint8Array()), [key], key.name);
    const tiles = await bindTiles(checkpoint, readTile);
    for (let index = 0; index < checkpoint.size; index++) {
      findings.looked++;
      try {
        entries[index] = await tiles.entry(index);
      } catch (error) {
        if (!isFault(error)) throw error;
        findings.add('log', `entry ${index} is not that of the checkpoint`);
      }
    }
  } catch (error) {
    findings.add('log', isFault(error) ? error.message : 'it cannot be read');
  }
  return (index: number): Uint8Array | undefined => entries[index];
}
