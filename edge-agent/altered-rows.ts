/**
 * Pending rows that the disk has altered, moved out of the way at a start: one of them would keep all that was heard since
 * from being sealed, and the agent from starting. The coverage that was attested next goes with them: it is of the time in
 * which they were heard, and would say that nothing is missing. So that time is unknown in certificates of coverage.
 */
import type { DatabaseSync } from 'node:sqlite';
import { encodeHex } from '../protocol/bytes.ts';
import { isFault } from '../protocol/fault.ts';
import { decodeLeaf } from '../protocol/leaf.ts';
import { transact } from './database.ts';
import { createRowCipher, type RowCipher } from './storage-cipher.ts';

export interface AsideRows {
  readonly rows: number;
  readonly octets: number;
  /** Behind the last row that did not open, now or at an earlier start, no coverage is durable. */
  readonly isUncovered: boolean;
}

interface StoredRow {
  readonly row: number;
  readonly boot: Uint8Array;
  readonly body: Uint8Array;
}

/** Durable when it returns. */
export function setAsideAltered(db: DatabaseSync, storageKey: Uint8Array): AsideRows {
  const open = openerOf(storageKey);
  const aside: StoredRow[] = [];
  /** The last row that did not open, while no coverage follows it; 0 for none. */
  let uncovered = lastAside(db);
  /** Where we are behind a row that did not open: before the coverage that speaks for it, in it, or not. */
  let behind: 'nothing' | 'altered' | 'coverage' = 'nothing';
  for (const found of db.prepare('SELECT row, boot, body FROM pending ORDER BY row').iterate()) {
    const stored = found as unknown as StoredRow;
    const leaf = open(stored);
    if (!leaf) {
      aside.push(stored);
      uncovered = stored.row;
      behind = 'altered';
      continue;
    }
    if (stored.row <= uncovered || (uncovered === 0 && behind === 'nothing')) continue;
    const isCoverage = decodeLeaf(leaf).kind === 'coverage';
    if (isCoverage) uncovered = 0;
    if (behind === 'nothing') continue;
    if (isCoverage) {
      aside.push(stored);
      behind = 'coverage';
    } else if (behind === 'coverage') behind = 'nothing';
  }
  if (aside.length > 0) move(db, aside);
  return {
    rows: aside.length,
    octets: aside.reduce((sum, { body }) => sum + body.length, 0),
    isUncovered: uncovered > 0,
  };
}

/** The last row that an earlier start set aside, if nothing behind it was sealed; else 0. */
function lastAside(db: DatabaseSync): number {
  const { last, sealed } = db
    .prepare('SELECT coalesce(max(row), 0) AS last, (SELECT sealed_rows FROM state) AS sealed FROM unreadable')
    .get() as { last: number; sealed: number };
  return last > sealed ? last : 0;
}

function move(db: DatabaseSync, rows: readonly StoredRow[]): void {
  const copy = db.prepare('INSERT INTO unreadable SELECT row, boot, body FROM pending WHERE row = ?');
  const remove = db.prepare('DELETE FROM pending WHERE row = ?');
  transact(db, () => {
    for (const { row } of rows) {
      copy.run(row);
      remove.run(row);
    }
  });
}

/** What is in a row; `undefined` where it does not open. */
function openerOf(storageKey: Uint8Array): (row: StoredRow) => Uint8Array | undefined {
  const ciphers = new Map<string, RowCipher>();
  return ({ row, boot, body }) => {
    const name = encodeHex(boot);
    const cipher = ciphers.get(name) ?? createRowCipher(storageKey, boot);
    ciphers.set(name, cipher);
    try {
      return cipher.decrypt(row, body);
    } catch (error) {
      if (isFault(error, 'inconsistent')) return undefined;
      throw error;
    }
  };
}
