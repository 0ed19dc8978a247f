/** A SQLite file as such: pages, trees, indexes, and the frames of a write-ahead log that was left. */
import { existsSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/** Told what is wrong with a file, in words. */
export type Tell = (says: string) => void;

/**
 * Opens a store after its structure was checked; `undefined` when there is nothing to read any more. Not for reading only:
 * that could not apply a write-ahead log that was left, and would leave one.
 */
export function openChecked(path: string, tell: Tell): DatabaseSync | undefined {
  if (!existsSync(path)) {
    tell('it is not there');
    return undefined;
  }
  checkWal(`${path}-wal`, tell);
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { timeout: 2000 });
    const rows = db.prepare('PRAGMA integrity_check(10)').all() as { integrity_check: string }[];
    if (rows.length !== 1 || rows[0]!.integrity_check !== 'ok') tell('its pages are not as SQLite writes them');
    return db;
  } catch {
    db?.close();
    tell('SQLite cannot read it');
    return undefined;
  }
}

/** True when the tables are those that `create` makes in an empty database; comments and spaces aside. */
export function hasSchema(db: DatabaseSync, create: (fresh: DatabaseSync) => void): boolean {
  const fresh = new DatabaseSync(':memory:');
  try {
    create(fresh);
    return schemaOf(db) === schemaOf(fresh);
  } finally {
    fresh.close();
  }
}

function schemaOf(db: DatabaseSync): string {
  const rows = db.prepare('SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name').all();
  return rows.map((row) => Object.values(row).map(withoutComments).join(' ')).join('\n');
}

function withoutComments(part: unknown): string {
  return String(part).replaceAll(/--.*$/gm, '').replaceAll(/\s+/g, ' ').trim();
}

const HEADER = 32;
const FRAME_HEADER = 24;

/**
 * SQLite believes a write-ahead log up to the first frame whose checksum does not hold, and says nothing of the rest. Such
 * a frame at the end was being written when the power went; one that others follow was changed later.
 * https://www.sqlite.org/fileformat2.html#walformat
 */
function checkWal(path: string, tell: Tell): void {
  if (!existsSync(path)) return;
  const bytes = readFileSync(path);
  if (bytes.length < HEADER) return;
  const isBigEndian = (bytes.readUInt32BE(0) & 1) === 1;
  let sum = checksum(bytes.subarray(0, 24), isBigEndian, [0, 0]);
  if (!isSum(bytes, 24, sum)) {
    tell('the header of its write-ahead log is not as it was written');
    return;
  }
  const frame = FRAME_HEADER + bytes.readUInt32BE(8);
  for (let at = HEADER; at + frame <= bytes.length; at += frame) {
    if (bytes.compare(bytes, 16, 24, at + 8, at + 16) !== 0) return; // of an earlier round of the log
    const next = frameSum(bytes, at, frame, isBigEndian, sum);
    if (isSum(bytes, at + 16, next)) {
      sum = next;
      continue;
    }
    const stored: Sum = [bytes.readUInt32BE(at + 16), bytes.readUInt32BE(at + 20)];
    const after = at + frame;
    const goesOn =
      after + frame <= bytes.length && isSum(bytes, after + 16, frameSum(bytes, after, frame, isBigEndian, stored));
    if (goesOn) tell(`frame ${(at - HEADER) / frame} of its write-ahead log is not as it was written`);
    return;
  }
}

type Sum = readonly [number, number];

function frameSum(bytes: Buffer, at: number, frame: number, isBigEndian: boolean, before: Sum): Sum {
  const head = checksum(bytes.subarray(at, at + 8), isBigEndian, before);
  return checksum(bytes.subarray(at + FRAME_HEADER, at + frame), isBigEndian, head);
}

function checksum(bytes: Buffer, isBigEndian: boolean, [first, second]: Sum): Sum {
  let [s0, s1] = [first, second];
  for (let i = 0; i + 8 <= bytes.length; i += 8) {
    s0 = (s0 + (isBigEndian ? bytes.readUInt32BE(i) : bytes.readUInt32LE(i)) + s1) >>> 0;
    s1 = (s1 + (isBigEndian ? bytes.readUInt32BE(i + 4) : bytes.readUInt32LE(i + 4)) + s0) >>> 0;
  }
  return [s0, s1];
}

function isSum(bytes: Buffer, at: number, [s0, s1]: Sum): boolean {
  return bytes.readUInt32BE(at) === s0 && bytes.readUInt32BE(at + 4) === s1;
}
