import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Log, type LogConfig, type LogStep, openLog } from '../../ledger-writer/log.ts';
import { isFault } from '../../protocol/fault.ts';
import { hashLeaf, rootOf, verifyConsistency, verifyInclusion } from '../../protocol/merkle.ts';
import { bindLog, readCheckpoint, readEntries } from './read-log.ts';

const origin = 'test.example/log';
const seed = new Uint8Array(32).fill(5);
const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());
const entryAt = (n: number) => new Uint8Array(createHash('sha256').update(`entry ${n}`).digest());
const entriesBetween = (start: number, end: number) =>
  Array.from({ length: end - start }, (_, i) => entryAt(start + i));
const STEPS: readonly LogStep[] = ['entries', 'tiles', 'sign', 'publish'];

let base: string;
let log: Log | undefined;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'veravita-log-'));
});
afterEach(async () => {
  await log?.close();
  log = undefined;
  rmSync(base, { recursive: true });
});

const directory = () => join(base, 'log');
const state = () => join(base, 'keys', 'state.sqlite');

async function open(more: Partial<LogConfig> = {}): Promise<Log> {
  await log?.close();
  log = undefined;
  log = await openLog({ directory: directory(), state: state(), origin, seed, ...more });
  return log;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (isFault(error)) return error.code;
    throw error;
  }
  return 'nothing thrown';
}

describe('growing', () => {
  it('is right at every size where tiles fill, and consistent from each to the next', async () => {
    const grown = await open({ create: true });
    let previous = grown.head.checkpoint;
    expect(previous.size).toBe(0);
    for (const size of [1, 2, 255, 256, 257, 511, 513, 65_535, 65_536, 65_537]) {
      await grown.append(entriesBetween(previous.size, size));
      const { checkpoint } = await grown.integrate();
      expect(checkpoint.size).toBe(size);
      const tiles = await bindLog(directory(), grown.key);
      expect(tiles.head.root).toEqual(checkpoint.root);
      const proof = await tiles.proveConsistency(previous.size);
      const claim = { size1: previous.size, root1: previous.root, size2: size, root2: checkpoint.root, proof };
      expect(verifyConsistency(claim)).toBe(true);
      for (const index of [0, size >> 1, size - 1]) {
        expect(await tiles.entry(index)).toEqual(entryAt(index));
        const inclusion = { leafHash: hashLeaf(entryAt(index)), index, treeSize: size, root: checkpoint.root };
        expect(verifyInclusion({ ...inclusion, proof: await tiles.proveInclusion(index) })).toBe(true);
      }
      previous = checkpoint;
    }
    const leaves = entriesBetween(0, 65_537).map((entry) => hashLeaf(entry, sha256));
    const root = rootOf(leaves, sha256);
    expect(previous.root).toEqual(root);
  });

  it('continues after a restart at each of these sizes', async () => {
    await open({ create: true });
    for (const size of [1, 255, 256, 257, 600]) {
      await log!.append(entriesBetween(0, size));
      await log!.integrate();
      expect((await open()).head.checkpoint.size).toBe(size);
    }
    expect(await readEntries(directory(), log!.key)).toEqual(entriesBetween(0, 600));
  });

  it('gives the index of the first for every double', async () => {
    const grown = await open({ create: true });
    expect(await grown.append([entryAt(0), entryAt(1), entryAt(0)])).toEqual([0, 1, 0]);
    await grown.integrate();
    await open();
    expect(await log!.append([entryAt(2), entryAt(1)])).toEqual([2, 1]);
    expect(await log!.indexOf(entryAt(2))).toBe(2);
    expect(await log!.indexOf(entryAt(3))).toBeUndefined();
    expect(await log!.range(1, 9)).toEqual([entryAt(1), entryAt(2)]);
  });

  it('keeps only what C2SP names, and no partial tile below a full one', async () => {
    const grown = await open({ create: true });
    for (const size of [3, 200, 256, 300]) {
      await grown.append(entriesBetween(0, size));
      await grown.integrate();
    }
    const files = readdirSync(directory(), { recursive: true, encoding: 'utf8' }).filter(
      (name) => !name.startsWith('.tmp'),
    );
    expect(files.filter((name) => /\d$|checkpoint/.test(name)).sort()).toEqual(
      [
        'checkpoint',
        'tile/0',
        'tile/0/000',
        'tile/0/001.p/44',
        'tile/1',
        'tile/1/000.p/1',
        'tile/entries/000',
        'tile/entries/001.p/44',
      ].sort(),
    );
  });

  it('does not sign again what has not grown', async () => {
    const grown = await open({ create: true });
    await grown.append(entriesBetween(0, 3));
    const first = await grown.integrate();
    expect(await grown.integrate()).toBe(first);
  });

  it('does concurrent calls one after another', async () => {
    const grown = await open({ create: true });
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, i) => (i % 4 === 3 ? grown.integrate() : grown.append([entryAt(i)]))),
    );
    expect(results).toHaveLength(40);
    await grown.integrate();
    expect(await readEntries(directory(), grown.key)).toHaveLength(30);
  });
});

describe('failing steps', () => {
  for (const step of STEPS) {
    for (const moment of ['before', 'after'] as const) {
      it(`recovers from one that failed ${moment} "${step}"`, async () => {
        let armed = false;
        const faults: LogConfig['faults'] = (atStep, atMoment) => {
          if (!armed || atStep !== step || atMoment !== moment) return;
          armed = false;
          throw new Error('disk');
        };
        const faulty = await open({ create: true, faults });
        for (let round = 1; round <= 2; round++) {
          const before = readCheckpoint(directory(), faulty.key);
          armed = true;
          const entries = entriesBetween(0, round * 130);
          for (const work of [() => faulty.append(entries), () => faulty.integrate()]) {
            while ((await codeOf(work())) === 'unavailable') expect(armed).toBe(false);
          }
          expect(armed).toBe(false);
          const tiles = await bindLog(directory(), faulty.key);
          const proof = await tiles.proveConsistency(before.size);
          const { size: size2, root: root2 } = tiles.head;
          expect(verifyConsistency({ size1: before.size, root1: before.root, size2, root2, proof })).toBe(true);
        }
        expect(await readEntries(directory(), faulty.key)).toEqual(entriesBetween(0, 260));
      });
    }
  }

  for (const step of ['sign', 'publish'] as const) {
    for (const moment of ['before', 'after'] as const) {
      it(`of the first start (${moment} "${step}") leave a log that the next start creates`, async () => {
        const faults: LogConfig['faults'] = (atStep, atMoment) => {
          if (atStep === step && atMoment === moment) throw new Error('disk');
        };
        expect(await codeOf(open({ create: true, faults }))).toBe('unavailable');
        expect((await open({ create: true })).head.checkpoint.size).toBe(0);
      });
    }
  }
});

describe('refusals', () => {
  async function grow(from: number, to: number): Promise<void> {
    await log!.append(entriesBetween(from, to));
    await log!.integrate();
  }

  it('creates nothing unless told, and nothing where a log was', async () => {
    expect(await codeOf(open())).toBe('missing');
    await open({ create: true });
    await grow(0, 5);
    await log!.close();
    rmSync(directory(), { recursive: true });
    expect(await codeOf(open({ create: true }))).toBe('missing');
    expect(existsSync(join(directory(), 'checkpoint'))).toBe(false);
  });

  it('does not take a log without its state for a new one', async () => {
    await open({ create: true });
    await grow(0, 5);
    await log!.close();
    rmSync(join(base, 'keys'), { recursive: true });
    expect(await codeOf(open({ create: true }))).toBe('missing');
  });

  it('keeps a second writer out', async () => {
    await open({ create: true });
    expect(await codeOf(openLog({ directory: directory(), state: state(), origin, seed }))).toBe('unavailable');
    await grow(0, 2);
  });

  it('refuses another key and another origin', async () => {
    await open({ create: true });
    expect(await codeOf(open({ seed: new Uint8Array(32).fill(6) }))).toBe('bad-signature');
    expect(await codeOf(open({ origin: 'other.example/log' }))).toBe('bad-signature');
    await open();
  });

  it('refuses a directory that was rolled back', async () => {
    await open({ create: true });
    await grow(0, 100);
    cpSync(directory(), join(base, 'old'), { recursive: true });
    await grow(100, 300);
    await log!.close();
    rmSync(directory(), { recursive: true });
    cpSync(join(base, 'old'), directory(), { recursive: true });
    expect(await codeOf(open())).toBe('missing');
  });

  it('refuses a state that was rolled back, which would sign a fork', async () => {
    await open({ create: true });
    await grow(0, 100);
    await log!.close();
    cpSync(join(base, 'keys'), join(base, 'old'), { recursive: true });
    await open();
    await grow(100, 300);
    await log!.close();
    rmSync(join(base, 'keys'), { recursive: true });
    cpSync(join(base, 'old'), join(base, 'keys'), { recursive: true });
    expect(await codeOf(open())).toBe('inconsistent');
  });

  it('refuses an edge tile that was edited, and never signs over it', async () => {
    await open({ create: true });
    await grow(0, 300);
    for (const path of ['tile/0/001.p/44', 'tile/1/000.p/1']) {
      await log!.close();
      const file = join(directory(), path);
      const good = readFileSync(file);
      const bad = Buffer.from(good);
      bad[7]! ^= 1;
      writeFileSync(file, bad);
      const before = readFileSync(join(directory(), 'checkpoint'), 'utf8');
      expect(await codeOf(open()), path).toBe('inconsistent');
      expect(readFileSync(join(directory(), 'checkpoint'), 'utf8')).toBe(before);
      writeFileSync(file, good);
      await open();
    }
  });

  it('serves no proof over a full tile that was edited', async () => {
    await open({ create: true });
    await grow(0, 300);
    const file = join(directory(), 'tile/0/000');
    const bad = readFileSync(file);
    bad[32 * 9]! ^= 1;
    writeFileSync(file, bad);
    const tiles = await bindLog(directory(), log!.key);
    expect(await codeOf(tiles.proveInclusion(9))).toBe('inconsistent');
    expect(await codeOf(tiles.entry(9))).toBe('inconsistent');
    expect(await codeOf(tiles.proveInclusion(299))).toBe('nothing thrown');
  });

  it('refuses a published checkpoint that it never signed, or signed over another tree', async () => {
    await open({ create: true });
    await grow(0, 10);
    const other = await openLog({
      directory: join(base, 'other'),
      state: join(base, 'other.sqlite'),
      origin,
      seed,
      create: true,
    });
    await other.append(entriesBetween(50, 55));
    const forked = await other.integrate();
    await other.close();
    await log!.close();
    const file = join(directory(), 'checkpoint');
    const good = readFileSync(file, 'utf8');
    writeFileSync(file, forked.note);
    expect(await codeOf(open())).toBe('inconsistent');
    writeFileSync(file, good.replace('\n10\n', '\n9\n'));
    expect(await codeOf(open())).toBe('bad-signature');
    writeFileSync(file, good);
    await open();
  });

  it('refuses after close', async () => {
    await open({ create: true });
    await log!.close();
    expect(await codeOf(log!.append([entryAt(0)]))).toBe('unavailable');
  });
});
