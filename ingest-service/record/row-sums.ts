/**
 * Checksums of rows that nothing else vouches for: what is neither sealed, signed nor a hash of something, such as who may
 * deliver for whom. The database keeps them itself, by triggers. They find what a disk changed; against people who may write
 * to the file there are seals, signatures and the log.
 */
import { createHash } from 'node:crypto';
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';

/** The columns that make a row the row it is, and the others. */
const COVERED: Readonly<Record<string, { readonly key: readonly string[]; readonly rest: readonly string[] }>> = {
  agents: { key: ['id'], rest: ['credential_hash', 'command_number'] },
  assignments: { key: ['agent', 'patient', 'handle'], rest: [] },
  gateways: { key: ['agent', 'patient'], rest: [] },
  unpaired: { key: ['agent', 'patient', 'handle'], rest: [] },
  enrolment_codes: { key: ['code_hash'], rest: ['assignments', 'expires_at'] },
  batches: { key: ['id'], rest: ['withheld', 'received_at', 'filed_at'] },
  batch_counts: { key: ['batch', 'patient'], rest: ['doubles', 'withheld'] },
  key_events: { key: ['number'], rest: ['agent', 'kind', 'about', 'signed', 'commitment'] },
  rotation_wishes: { key: ['agent'], rest: ['wished_at'] },
  frozen: { key: ['agent'], rest: ['since'] },
  forks: { key: ['number'], rest: ['agent', 'sequence', 'found_at', 'batch', 'taken_header', 'header', 'envelope'] },
  quarantine: {
    key: ['batch'],
    rest: ['agent', 'sequence', 'received_at', 'signed_header', 'held', 'decision', 'decided_at', 'told'],
  },
  unreadable: { key: ['batch'], rest: ['agent', 'sequence', 'found_at', 'body'] },
  awaited: { key: ['agent'], rest: ['sequence'] },
  tombstones: { key: ['batch', 'first_leaf'], rest: ['last_leaf', 'erased_at', 'owner'] },
  erasures: {
    key: ['id'],
    rest: ['mark', 'erased_at', 'segments', 'leaves', 'statements', 'number', 'certificate'],
  },
  erasure_agents: { key: ['erasure', 'agent'], rest: ['confirmed_at'] },
};

const TABLE = `
CREATE TABLE IF NOT EXISTS row_sums (
  of TEXT NOT NULL,                 -- table
  key BLOB NOT NULL,                -- hash of the row's key
  sum BLOB NOT NULL,                -- hash of the row
  PRIMARY KEY (of, key)
) STRICT, WITHOUT ROWID;
`;

/** Octets of SHA-256 that are kept: chance must not make two the same. */
const SUM_OCTETS = 8;

/** Makes the sums and what keeps them; rows from before there were sums get theirs now. After {@link addRowSum}. */
export function keepRowSums(db: DatabaseSync): void {
  const known = db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND name = ?");
  const added = Object.keys(COVERED).filter((table) => !known.get(`${table}_added`));
  db.exec(TABLE);
  // Each row is hashed once in the life of its table, not at every start.
  for (const table of added) {
    const { key, sum } = expressionsOf(table, '');
    db.exec(`BEGIN IMMEDIATE; ${triggersOf(table)}
      INSERT OR IGNORE INTO row_sums SELECT '${table}', ${key}, ${sum} FROM ${table}; COMMIT`);
  }
}

/** What is wrong, in words. The connection may be one for reading only. */
export function checkRowSums(db: DatabaseSync): string[] {
  addRowSum(db);
  const found: string[] = [];
  for (const table of Object.keys(COVERED)) {
    const { key, sum } = expressionsOf(table, '');
    const changed = count(
      db,
      `FROM ${table} AS t WHERE NOT EXISTS
         (SELECT 1 FROM row_sums s WHERE s.of = '${table}' AND s.key = ${key} AND s.sum = ${sum})`,
    );
    if (changed > 0) found.push(`${changed} rows of ${table} are not as they were written`);
    const lost = count(
      db,
      `FROM row_sums s WHERE s.of = '${table}' AND NOT EXISTS (SELECT 1 FROM ${table} WHERE s.key = ${key})`,
    );
    if (lost > 0) found.push(`${lost} rows of ${table} are gone, or their sums are not as they were written`);
  }
  const names = Object.keys(COVERED).map((table) => `'${table}'`);
  if (count(db, `FROM row_sums WHERE of NOT IN (${names})`) > 0) found.push('a sum is of no table');
  return found;
}

/** Every connection needs it before its first statement: the database calls it by itself. */
export function addRowSum(db: DatabaseSync): void {
  db.function('row_sum', { deterministic: true, varargs: true }, (...columns: unknown[]) => {
    const hash = createHash('sha256');
    for (const column of columns as SQLInputValue[]) {
      const bytes = column instanceof Uint8Array ? column : Buffer.from(String(column));
      hash.update(`${typeof column} ${bytes.length} `).update(bytes);
    }
    return new Uint8Array(hash.digest().subarray(0, SUM_OCTETS));
  });
}

function expressionsOf(table: string, row: 'NEW.' | 'OLD.' | ''): { key: string; sum: string } {
  const { key, rest } = COVERED[table]!;
  const list = (columns: readonly string[]) => columns.map((column) => row + column).join(', ');
  return { key: `row_sum(${list(key)})`, sum: `row_sum(${list([...key, ...rest])})` };
}

function triggersOf(table: string): string {
  const added = expressionsOf(table, 'NEW.');
  const gone = expressionsOf(table, 'OLD.');
  const add = `INSERT OR REPLACE INTO row_sums VALUES ('${table}', ${added.key}, ${added.sum});`;
  const remove = `DELETE FROM row_sums WHERE of = '${table}' AND key = ${gone.key};`;
  return `
CREATE TRIGGER IF NOT EXISTS ${table}_added AFTER INSERT ON ${table} BEGIN ${add} END;
CREATE TRIGGER IF NOT EXISTS ${table}_changed AFTER UPDATE ON ${table} BEGIN ${remove} ${add} END;
CREATE TRIGGER IF NOT EXISTS ${table}_removed AFTER DELETE ON ${table} BEGIN ${remove} END;
`;
}

function count(db: DatabaseSync, from: string): number {
  return db.prepare(`SELECT count(*) AS n ${from}`).get()!.n as number;
}
