/**
 * The public log as a stranger finds it: files after C2SP tlog-tiles, a checkpoint that is a signed note, and proofs that
 * software agrees with which is not ours. Nothing here reads the log with our own code but to make the proofs.
 */
import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { proveInclusion } from '../protocol/tlog-tiles.ts';
import { consentToCollect } from '../simulators/patients.ts';
import { readerOf } from './ledger-writer/read-log.ts';
import { rawRequest } from './support/raw-http.ts';
import { openTestWorld, type TestWorld } from './support/test-world.ts';

let world: TestWorld;
let folder: string;
let note: string;
let size: number;
let root: Buffer;

const BATCHES = 20;
/** Entries of others in between, more than a tile is wide, so that there are full tiles and a second level. */
const OTHERS = 300;

beforeAll(async () => {
  world = await openTestWorld();
  const ada = world.patient('Ada (HTEST)');
  await consentToCollect(ada);
  const home = await world.strapHome('home', [ada], { maxLeaves: 1, maxAgeMs: 10 });
  for (let i = 0; i < BATCHES / 2; i++) await home.beat(60 + i);
  await world.log.append(Array.from({ length: OTHERS }, () => new Uint8Array(randomBytes(32))));
  for (let i = 0; i < BATCHES / 2; i++) await home.beat(80 + i);
  await home.settle();
  expect(world.countBatches()).toBeGreaterThanOrEqual(BATCHES);
  await world.stop();
  folder = join(world.directory, 'log');
  note = readFileSync(join(folder, 'checkpoint'), 'utf8');
  const [, sizeLine, rootLine] = note.split('\n');
  size = Number(sizeLine);
  root = Buffer.from(rootLine!, 'base64');
}, 60_000);

afterAll(() => world.close());

const sha256 = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest();
const hashEntry = (entry: Uint8Array) => sha256(Buffer.of(0), entry);

/** RFC 9162 §2.1.1, as it is written there. */
function mth(hashes: readonly Buffer[]): Buffer {
  if (hashes.length <= 1) return hashes[0] ?? sha256();
  let k = 1;
  while (2 * k < hashes.length) k *= 2;
  return sha256(Buffer.of(1), mth(hashes.slice(0, k)), mth(hashes.slice(k)));
}

/** C2SP tlog-tiles, Log entries: a big-endian uint16 length before each. */
function readBundle(bytes: Buffer): Buffer[] {
  const entries: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 2 + bytes.readUInt16BE(at);
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return entries;
}

const hashesOf = (bytes: Buffer) =>
  Array.from({ length: bytes.length / 32 }, (_, i) => bytes.subarray(32 * i, 32 * i + 32));
const read = (path: string) => readFileSync(join(folder, path));
/** The tile or its widest partial, as the size says. */
const tileOf = (level: string, index: number, count: number) => {
  const width = Math.min(256, count - 256 * index);
  return read(`tile/${level}/${String(index).padStart(3, '0')}${width < 256 ? `.p/${width}` : ''}`);
};
const entries = () =>
  Array.from({ length: Math.ceil(size / 256) }, (_, i) => readBundle(tileOf('entries', i, size))).flat();

describe('the log directory', () => {
  it('holds a checkpoint and tiles, and nothing else', () => {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
    const path =
      /^(?:checkpoint|tile\/(?:[0-5]?\d|6[0-3]|entries)\/(?:x\d{3}\/)*\d{3}(?:\.p\/(?:[1-9]\d?|1\d\d|2[0-4]\d|25[0-5]))?)$/;
    expect(files.filter((file) => !path.test(file))).toEqual([]);
    for (const file of files) {
      const [, level, partial] = /^tile\/([^/]+)\/.*?(?:\.p\/(\d+))?$/.exec(file) ?? [];
      if (level === undefined) continue;
      const width = Number(partial ?? 256);
      const content = level === 'entries' ? readBundle(read(file)) : hashesOf(read(file));
      expect(content.length, file).toBe(width);
      expect(
        content.every(({ length }) => length === 32),
        file,
      ).toBe(true);
    }
    // Partial tiles go when the full one is there.
    expect(files.filter((file) => file.startsWith('tile/0/000.p/'))).toEqual([]);
  });

  it('has tiles that are the tree: every level hashes to the next, and the whole to the checkpoint', () => {
    expect(size).toBeGreaterThan(256);
    const hashes = entries().map(hashEntry);
    expect(hashes.length).toBe(size);
    const level0 = Array.from({ length: Math.ceil(size / 256) }, (_, i) => hashesOf(tileOf('0', i, size))).flat();
    expect(Buffer.concat(level0).equals(Buffer.concat(hashes))).toBe(true);
    const full = Math.floor(size / 256);
    const level1 = hashesOf(tileOf('1', 0, full));
    expect(level1.map((hash) => hash.toString('hex'))).toEqual(
      Array.from({ length: full }, (_, i) => mth(hashes.slice(256 * i, 256 * i + 256)).toString('hex')),
    );
    expect(mth(hashes).equals(root)).toBe(true);
  });

  it('has each batch of the record once, as 32 octets that say nothing', async () => {
    const again = await openTestWorld(world.directory);
    try {
      const { store } = again.service;
      const all = entries();
      expect(new Set(all.map((entry) => entry.toString('hex'))).size).toBe(size);
      for (const agent of store.agents.ids()) {
        for (let sequence = 1; sequence <= store.batches.newest(agent)!.sequence; sequence++) {
          const batch = store.batches.get(store.batches.idAt(agent, sequence)!)!;
          expect(all[store.batches.logIndex(batch.id)!]!.equals(batch.commitment)).toBe(true);
        }
      }
      // Served as it lies there, to anybody.
      for (const path of ['checkpoint', 'tile/0/000', 'tile/1/000.p/1']) {
        const { status, body } = await rawRequest(again.service.url, { path: `/log/${path}` });
        expect(status).toBe(200);
        expect(body.length).toBeGreaterThan(0);
      }
      for (const path of ['..%2fkeys%2flog%2flog.key', 'tile/0/999', 'tile/../checkpoint', 'checkpoint.tmp']) {
        expect((await rawRequest(again.service.url, { path: `/log/${path}` })).status, path).toBe(404);
      }
    } finally {
      await again.stop();
    }
  });
});

describe('the checkpoint', () => {
  const SPKI_ED25519 = Buffer.from('302a300506032b6570032100', 'hex'); // RFC 8410 §4
  const key = () => {
    const [name, id, ...rest] = readFileSync(join(world.directory, 'keys', 'log', 'log.vkey'), 'utf8')
      .trim()
      .split('+');
    const typed = Buffer.from(rest.join('+'), 'base64');
    const publicKey = typed.subarray(1);
    const keyId = sha256(Buffer.from(`${name}\n`), typed).subarray(0, 4);
    expect(typed[0]).toBe(1);
    expect(keyId.toString('hex')).toBe(id);
    const object = createPublicKey({ key: Buffer.concat([SPKI_ED25519, publicKey]), format: 'der', type: 'spki' });
    return { name: name!, keyId, object };
  };

  it('is a signed note, checked by hand', () => {
    const { name, keyId, object } = key();
    const split = note.indexOf('\n\n');
    const text = note.slice(0, split + 1);
    expect(text).toMatch(/^\S+\n(?:0|[1-9]\d*)\n[A-Za-z0-9+/]{43}=\n$/);
    expect(text.startsWith(`${name}\n`)).toBe(true);
    const lines = note.slice(split + 2).split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.length).toBe(1);
    const [, signer, encoded] = /^\u2014 (\S+) (\S+)$/.exec(lines[0]!)!;
    const bytes = Buffer.from(encoded!, 'base64');
    expect(signer).toBe(name);
    expect(bytes.subarray(0, 4).equals(keyId)).toBe(true);
    expect(verify(null, Buffer.from(text), object, bytes.subarray(4))).toBe(true);
    expect(verify(null, Buffer.from(text.replace(`\n${size}\n`, `\n${size + 1}\n`)), object, bytes.subarray(4))).toBe(
      false,
    );
  });

  it('and inclusion of every entry hold for @sigstore/verify, which we did not write', async () => {
    const require = createRequire(import.meta.url);
    const directory = dirname(require.resolve('@sigstore/verify'));
    const { verifyCheckpoint } = require(join(directory, 'tlog', 'checkpoint.js')) as {
      verifyCheckpoint(entry: unknown, logs: unknown): { origin: string; logSize: bigint; logHash: Buffer };
    };
    const { verifyMerkleInclusion } = require(join(directory, 'tlog', 'merkle.js')) as {
      verifyMerkleInclusion(entry: unknown, checkpoint: unknown): void;
    };
    const { name, keyId, object } = key();
    const logs = [{ logID: keyId, baseURL: `https://${name}`, publicKey: object }];
    const envelopeOf = (envelope: string) => ({ inclusionProof: { checkpoint: { envelope } } });
    const checkpoint = verifyCheckpoint(envelopeOf(note), logs);
    expect(checkpoint).toMatchObject({ origin: name, logSize: BigInt(size) });
    expect(checkpoint.logHash.equals(root)).toBe(true);
    expect(() => verifyCheckpoint(envelopeOf(note.replace(`\n${size}\n`, `\n${size + 1}\n`)), logs)).toThrow();

    const all = entries();
    const head = { size, root: new Uint8Array(root) };
    for (const [index, entry] of all.entries()) {
      const proof = await proveInclusion(head, index, readerOf(folder));
      const claim = (canonicalizedBody: Buffer) => ({
        canonicalizedBody,
        inclusionProof: { logIndex: String(index), hashes: proof.map((hash) => Buffer.from(hash)) },
      });
      verifyMerkleInclusion(claim(entry), checkpoint);
      expect(() => verifyMerkleInclusion(claim(all[(index + 1) % size]!), checkpoint)).toThrow();
    }
  });
});
