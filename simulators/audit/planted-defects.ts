/**
 * Ten things that must never be, done to a data directory by somebody who has every key of it: what an insider could do,
 * and what a bug would. Whoever calls it works on a copy.
 */
import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { leafHash, leafSalt } from '../../protocol/batch.ts';
import { decodeHex, encodeUtf8 } from '../../protocol/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../protocol/cbor.ts';
import { parseCheckpoint, signCheckpoint } from '../../protocol/checkpoint.ts';
import { isDecimal } from '../../protocol/decimal.ts';
import { decodeLeaf, encodeLeaf } from '../../protocol/leaf.ts';
import { hashLeaf, rootOf } from '../../protocol/merkle.ts';
import { noteSignerOf, parseNote } from '../../protocol/signed-note.ts';
import { decodeEntryBundle, encodeEntryBundle, tilePath } from '../../protocol/tile-paths.ts';
import type { CheckName } from './check.ts';

export interface Planted {
  /** The copy. */
  readonly data: string;
  /** Plays the recording along the road again. */
  readonly replayAgain: () => Promise<void>;
  /** A name in the record. */
  readonly name: string;
}

export interface Defect {
  readonly name: string;
  /** The check that has to find it. */
  readonly foundBy: CheckName;
  readonly plant: (on: Planted) => void | Promise<void>;
}

const HEART_RATE_LEAST = 'SELECT * FROM segments WHERE kind = 1 AND leaves > 1 ORDER BY batch, first_leaf LIMIT 1';

export const DEFECTS: readonly Defect[] = [
  {
    name: 'drop',
    foundBy: 'no loss',
    plant: ({ data }) =>
      withRecord(data, (db) => {
        const { batch, first_leaf } = db.prepare(HEART_RATE_LEAST).get() as unknown as SegmentRow;
        db.prepare('DELETE FROM segments WHERE batch = ? AND first_leaf = ?').run(batch, first_leaf);
      }),
  },
  {
    name: 'duplicate',
    foundBy: 'no duplicate',
    async plant({ data, replayAgain }) {
      withRecord(data, (db) => db.exec('DELETE FROM filed_keys'));
      for (const agent of readdirSync(join(data, 'agents'))) {
        withDatabase(join(data, 'agents', agent, 'agent.sqlite'), (db) => db.exec('DELETE FROM doubles'));
      }
      await replayAgain();
    },
  },
  {
    name: 'altered value',
    foundBy: 'receipts true',
    plant: ({ data }) => withRecord(data, (db) => alterValue(data, db)),
  },
  {
    name: 'swapped patients',
    foundBy: 'receipts true',
    plant: ({ data }) => withRecord(data, (db) => moveSegment(data, db)),
  },
  {
    name: 'filed without grant',
    foundBy: 'consent in force',
    plant: ({ data }) => withRecord(data, (db) => db.exec('DELETE FROM consents')),
  },
  {
    name: 'deleted leaf',
    foundBy: 'log consistent',
    plant: ({ data }) => signEntries(data, (entries) => entries.slice(1)),
  },
  {
    name: 'reused leaf',
    foundBy: 'anchored once',
    plant: ({ data }) => signEntries(data, (entries) => [...entries, entries[0]!]),
  },
  { name: 'checkpoint signed early', foundBy: 'log consistent', plant: ({ data }) => signEarly(data) },
  {
    name: 'disclosure skipped',
    foundBy: 'disclosures complete',
    plant: ({ data }) =>
      withRecord(data, (db) =>
        db.exec(`CREATE TRIGGER skip AFTER INSERT ON disclosures WHEN NEW.seq % 7 = 0
                 AND NOT EXISTS (SELECT 1 FROM skipped) BEGIN INSERT INTO skipped VALUES (1);
                 DELETE FROM disclosures WHERE patient = NEW.patient AND seq = NEW.seq; END`),
      ),
  },
  {
    name: 'canary in a log',
    foundBy: 'nothing personal',
    plant: ({ data, name }) => appendFileSync(join(data, 'service', 'service.log'), `filed for ${name}\n`),
  },
];

interface SegmentRow {
  readonly patient: string;
  readonly batch: string;
  readonly first_leaf: number;
  readonly key: Uint8Array;
  readonly sealed: Uint8Array;
}

type Rows = readonly (readonly [number, Uint8Array, Uint8Array?])[];

/** Value and raw bytes agree with each other, the leaf with its hash, the seal with the key: only no signature does. */
function alterValue(data: string, db: DatabaseSync): void {
  const row = db.prepare(HEART_RATE_LEAST).get() as unknown as SegmentRow;
  const patientKey = keyOf(data, db, row.patient);
  const purpose = `${row.patient} ${row.batch} ${row.first_leaf}`;
  const key = open(patientKey, `segment key ${purpose}`, row.key);
  const [saltKey, rows] = decodeCbor(open(key, `segment ${purpose}`, row.sealed)) as unknown as [
    Uint8Array | null,
    Rows,
  ];
  const [index, body, ownSalt] = rows[0]!;
  const leaf = decodeLeaf(body);
  if (leaf.kind !== 'reading' || leaf.value === undefined || !isDecimal(leaf.value)) throw new Error('not a number');
  const raw = leaf.raw.slice();
  raw[1] = raw[1]! + 1;
  const altered = encodeLeaf({ ...leaf, raw, value: { ...leaf.value, mantissa: leaf.value.mantissa + 1 } });
  const content = encodeCbor([
    saltKey,
    rows.map(([at, was, salt], i): CborValue => [at, i === 0 ? altered : was, ...(salt ? [salt] : [])]),
  ]);
  db.prepare('UPDATE segments SET sealed = ? WHERE batch = ? AND first_leaf = ?').run(
    seal(key, `segment ${purpose}`, content),
    row.batch,
    row.first_leaf,
  );
  const hashes = (
    db.prepare('SELECT leaf_hashes FROM batches WHERE id = ?').get(row.batch)!.leaf_hashes as Uint8Array
  ).slice();
  hashes.set(leafHash(ownSalt ?? leafSalt(saltKey!, index), altered), 32 * index);
  db.prepare('UPDATE batches SET leaf_hashes = ? WHERE id = ?').run(hashes, row.batch);
}

/** Into the record of somebody else, sealed for that record. */
function moveSegment(data: string, db: DatabaseSync): void {
  const row = db.prepare(HEART_RATE_LEAST).get() as unknown as SegmentRow;
  const other = db.prepare('SELECT id FROM patients WHERE id <> ?').get(row.patient)!.id as string;
  const place = `${row.batch} ${row.first_leaf}`;
  const key = open(keyOf(data, db, row.patient), `segment key ${row.patient} ${place}`, row.key);
  const content = open(key, `segment ${row.patient} ${place}`, row.sealed);
  db.prepare('UPDATE segments SET patient = ?, key = ?, sealed = ? WHERE batch = ? AND first_leaf = ?').run(
    other,
    seal(keyOf(data, db, other), `segment key ${other} ${place}`, key),
    seal(key, `segment ${other} ${place}`, content),
    row.batch,
    row.first_leaf,
  );
}

/** A log of other entries, with tiles, bundle and a signature that hold. For logs of less than a tile. */
function signEntries(data: string, change: (entries: readonly Uint8Array[]) => readonly Uint8Array[]): void {
  const { size, origin } = readHead(data);
  const path = (level: 0 | 'entries', width: number) => join(data, 'log', tilePath({ level, index: 0, width }));
  const entries = change(decodeEntryBundle(readFileSync(path('entries', size))));
  const hashes = entries.map((entry) => hashLeaf(entry, sha256));
  for (const [file, bytes] of [
    [path('entries', entries.length), encodeEntryBundle(entries)],
    [path(0, entries.length), Buffer.concat(hashes)],
  ] as const) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
  sign(data, { origin, size: entries.length, root: rootOf(hashes, sha256) });
}

/** What it signs is nowhere. */
function signEarly(data: string): void {
  const { size, origin } = readHead(data);
  sign(data, { origin, size: size + 3, root: new Uint8Array(randomBytes(32)) });
}

function readHead(data: string) {
  return parseCheckpoint(parseNote(readFileSync(join(data, 'log', 'checkpoint'), 'utf8')).text);
}

function sign(data: string, head: { origin: string; size: number; root: Uint8Array }): void {
  const seed = decodeHex(readFileSync(join(data, 'keys', 'log', 'log.key'), 'utf8').trim());
  writeFileSync(join(data, 'log', 'checkpoint'), signCheckpoint(head, [noteSignerOf(head.origin, seed)]));
}

function withRecord(data: string, change: (db: DatabaseSync) => void): void {
  withDatabase(join(data, 'service', 'record.sqlite'), (db) => {
    // Whoever may write the record also writes its checksums; here the database need not.
    db.function('row_sum', { varargs: true }, () => new Uint8Array(8));
    db.exec('CREATE TABLE IF NOT EXISTS skipped (one INTEGER)');
    change(db);
  });
}

function withDatabase(path: string, change: (db: DatabaseSync) => void): void {
  const db = new DatabaseSync(path);
  change(db);
  db.close();
}

function keyOf(data: string, db: DatabaseSync, patient: string): Uint8Array {
  const kek = decodeHex(readFileSync(join(data, 'keys', 'service', 'kek.key'), 'utf8').trim());
  const { key } = db.prepare('SELECT key FROM patients WHERE id = ?').get(patient)!;
  return open(kek, `patient ${patient}`, key as Uint8Array);
}

const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');

/** nonce, ciphertext, tag. */
function seal(key: Uint8Array, purpose: string, plaintext: Uint8Array): Uint8Array {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
  cipher.setAAD(encodeUtf8(purpose));
  return new Uint8Array(Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]));
}

function open(key: Uint8Array, purpose: string, sealed: Uint8Array): Uint8Array {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), { authTagLength: 16 });
  decipher.setAAD(encodeUtf8(purpose));
  decipher.setAuthTag(sealed.subarray(-16));
  return new Uint8Array(Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]));
}
