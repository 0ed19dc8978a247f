import { createHash } from 'node:crypto';
import { chmodSync, linkSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Journal } from '../../journal/journal.ts';
import { openJournalSqlite } from '../../journal/journal-sqlite.ts';
import { pathsBelow, readConfig } from '../../ledger-writer/config.ts';
import { openKeyedLog } from '../../ledger-writer/keyed-log.ts';
import type { Log, LogConfig } from '../../ledger-writer/log.ts';
import { type LedgerWriter, startLedgerWriter } from '../../ledger-writer/writer.ts';
import { encodeHex } from '../../protocol/bytes.ts';
import { isFault } from '../../protocol/fault.ts';
import { decodePosition } from '../../protocol/position.ts';
import { bindLog, readEntries } from './read-log.ts';

const commitmentAt = (n: number) => new Uint8Array(createHash('sha256').update(`commitment ${n}`).digest());

let base: string;
let commitments: Journal;
let positions: Journal;
let log: Log;
let writer: LedgerWriter | undefined;
let errors: unknown[];

const keyed = (faults?: LogConfig['faults']) =>
  openKeyedLog({
    directory: join(base, 'log'),
    keyDirectory: join(base, 'keys', 'log'),
    origin: 'test.example/log',
    newSeed: () => new Uint8Array(32).fill(8),
    ...(faults === undefined ? {} : { faults }),
  });

async function start(faults?: LogConfig['faults']): Promise<LedgerWriter> {
  commitments = openJournalSqlite({ path: join(base, 'service', 'commitments.sqlite') });
  positions = openJournalSqlite({ path: join(base, 'service', 'positions.sqlite') });
  log = await keyed(faults);
  writer = startLedgerWriter({ commitments, positions, log, intervalMs: 20, onError: (error) => errors.push(error) });
  return writer;
}

async function stop(): Promise<void> {
  await writer?.stop();
  writer = undefined;
  await commitments.close();
  await positions.close();
  await log.close();
}

async function commit(...numbers: number[]): Promise<void> {
  await commitments.append(numbers.map((n) => ({ key: 'k', id: encodeHex(commitmentAt(n)), body: commitmentAt(n) })));
}

async function told(): Promise<{ index: number; n: string; covered: boolean }[]> {
  return (await positions.read(0, 100_000)).map(({ body, id, position }) => {
    const { commitment, index, treeSize } = decodePosition(body);
    expect(id).toBe(encodeHex(commitment));
    expect(position).toBe(index);
    return { index, n: id, covered: index < treeSize };
  });
}

const numbered = (...numbers: number[]) =>
  numbers.map((n, index) => ({ index, n: encodeHex(commitmentAt(n)), covered: true }));

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'nothing thrown',
    (error: unknown) => (isFault(error) ? error.code : String(error)),
  );
}

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'veravita-writer-'));
  errors = [];
});
afterEach(async () => {
  await stop();
  rmSync(base, { recursive: true });
});

describe('the ledger writer', () => {
  it('logs each commitment once, in order, and tells its position', async () => {
    await start();
    await commit(0, 1, 2);
    await commit(1, 3);
    await writer!.flush();
    expect(await told()).toEqual(numbered(0, 1, 2, 3));
    expect(await readEntries(join(base, 'log'), log.key)).toEqual([0, 1, 2, 3].map(commitmentAt));
    expect(errors).toEqual([]);
  });

  it('checkpoints on its interval without being asked', async () => {
    await start();
    await commit(0);
    while ((await positions.end()) < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await bindLog(join(base, 'log'), log.key)).head.size).toBe(1);
  });

  it('continues after a restart and tells nothing twice', async () => {
    await start();
    await commit(0, 1);
    await writer!.flush();
    await stop();
    await start();
    await commit(2, 0);
    await writer!.flush();
    await writer!.flush();
    expect(await told()).toEqual(numbered(0, 1, 2));
  });

  it('tells everything again to a positions journal that was lost, and refuses one of another log', async () => {
    await start();
    await commit(0, 1, 2);
    await writer!.flush();
    await stop();
    rmSync(join(base, 'service', 'positions.sqlite'));
    await start();
    await writer!.flush();
    expect(await told()).toEqual(numbered(0, 1, 2));
    await positions.append([{ key: 'positions', id: 'x', body: new Uint8Array(1) }]);
    await stop();
    await start();
    expect(await codeOf(writer!.flush())).toBe('inconsistent');
  });

  it('takes everything again when the cursor was lost, without doubling', async () => {
    await start();
    await commit(0, 1, 2);
    await writer!.flush();
    await stop();
    rmSync(join(base, 'service', 'commitments.sqlite'));
    await start();
    await commit(1, 5, 0);
    await writer!.flush();
    expect(await told()).toEqual(numbered(0, 1, 2, 5));
  });

  it('gets through failures of every step, both kinds', async () => {
    let calls = 0;
    await start((step, moment) => {
      // Scattered, because a failure at every nth call could hit the same step for ever.
      if (++calls > 4 && (Math.imul(calls, 2_654_435_761) >>> 0) % 6 === 0) throw new Error(`${step} ${moment}`);
    });
    const numbers = Array.from({ length: 30 }, (_, n) => n);
    for (const n of numbers) {
      await commit(n);
      if (n % 3 === 0) await writer!.flush().catch(() => {});
    }
    while (true) {
      if ((await codeOf(writer!.flush())) === 'nothing thrown') break;
    }
    expect(await told()).toEqual(numbered(...numbers));
    expect(await readEntries(join(base, 'log'), log.key)).toEqual(numbers.map(commitmentAt));
    expect(errors.length).toBeGreaterThan(0);
    expect(errors.every((error) => isFault(error, 'unavailable'))).toBe(true);
  });

  it('refuses a commitment of another size and says so', async () => {
    await start();
    await commitments.append([{ key: 'k', id: 'x', body: new Uint8Array(31) }]);
    while (errors.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(isFault(errors[0], 'size')).toBe(true);
    expect((await log.integrate()).checkpoint.size).toBe(0);
  });
});

describe('the key', () => {
  it('is made once, for its owner only', async () => {
    await start();
    const key = join(base, 'keys', 'log', 'log.key');
    expect(statSync(key).mode & 0o777).toBe(0o600);
    const { publicKey } = log.key;
    await stop();
    await start();
    expect(log.key.publicKey).toEqual(publicKey);
  });

  it('is never made for a log that is there, and starts no second log', async () => {
    await start();
    await stop();
    const key = join(base, 'keys', 'log', 'log.key');
    renameSync(key, `${key}.away`);
    expect(await codeOf(keyed())).toBe('missing');
    rmSync(join(base, 'keys', 'log', 'log-state.sqlite'));
    expect(await codeOf(keyed())).toBe('missing');
    renameSync(`${key}.away`, key);
    rmSync(join(base, 'log'), { recursive: true });
    expect(await codeOf(keyed())).toBe('missing');
    writer = undefined;
  });

  it('is refused when others may read it or when it is no key', async () => {
    await start();
    await stop();
    const key = join(base, 'keys', 'log', 'log.key');
    chmodSync(key, 0o644);
    expect(await codeOf(keyed())).toBe('wrong-key');
    writeFileSync(key, 'abc');
    chmodSync(key, 0o600);
    expect(await codeOf(keyed())).toBe('wrong-key');
  });

  it('survives a crash between the log and the key', async () => {
    await start();
    await commit(0);
    await writer!.flush();
    await stop();
    renameSync(join(base, 'keys', 'log', 'log.key'), join(base, 'keys', 'log', 'log.key.new'));
    await start();
    await commit(1);
    await writer!.flush();
    expect(await told()).toEqual(numbered(0, 1));
  });

  it('leaves one name of the key after a crash that left two', async () => {
    await start();
    await stop();
    linkSync(join(base, 'keys', 'log', 'log.key'), join(base, 'keys', 'log', 'log.key.new'));
    await start();
    expect(readdirSync(join(base, 'keys', 'log')).filter((name) => name.startsWith('log.key'))).toEqual(['log.key']);
  });
});

const NO_ANCHORS = { evm: [], intervalMs: 600_000, finality: 'finalized', maxFee: 500_000_000_000n };

describe('the configuration', () => {
  beforeEach(async () => {
    await start();
  });

  it('names paths below the data directory', () => {
    expect(readConfig(['--data', '/d', '--interval', '50'], {})).toEqual({
      settings: {
        ...pathsBelow('/d'),
        origin: 'veravita.local/log',
        intervalMs: 50,
        witnesses: [],
        quorum: 0,
        witnessTimeoutMs: 5000,
        anchors: NO_ANCHORS,
      },
    });
    expect(readConfig([], { VERAVITA_DATA: '/d', VERAVITA_LOG_ORIGIN: 'a/b' })).toMatchObject({
      settings: { origin: 'a/b' },
    });
    expect(readConfig(['--help'], {})).toEqual({ help: true });
  });

  it('lists all problems', () => {
    expect(readConfig(['--origin', 'a b', '--interval', '0'], {})).toMatchObject({ problems: { length: 3 } });
    expect(readConfig(['--nonsense'], {})).toHaveProperty('problems');
    const anchor = [
      '--anchor-evm',
      'ftp://x',
      '--anchor-chain-id',
      '0',
      '--anchor-contract',
      '0x00',
      '--anchor-check',
      'x',
    ];
    const numbers = ['--anchor-interval', '1', '--anchor-finality', 'soon', '--anchor-max-fee', '0'];
    const one = readConfig(['--data', '/d', ...anchor, ...numbers], {});
    expect((one as { problems: string[] }).problems.map((problem) => problem.split(' ')[0])).toEqual([
      '--anchor-key',
      '--anchor-evm',
      '--anchor-chain-id',
      '--anchor-contract',
      '--anchor-interval',
      '--anchor-finality',
      '--anchor-max-fee',
    ]);
  });

  it('names several chains, each with what belongs to it', () => {
    const chain = (n: number) => ['--anchor-evm', `http://h${n}`, '--anchor-chain-id', `${n}`, '--anchor-key', `k${n}`];
    const contract = (n: number) => ['--anchor-contract', `0x${'00'.repeat(19)}0${n}`];
    const both = [...chain(1), ...chain(2), ...contract(1), ...contract(2), '--anchor-finality', '3'];
    const at = (n: number) => new Uint8Array(20).fill(n, 19);
    expect(readConfig(['--data', '/d', ...both], {})).toMatchObject({
      settings: {
        anchors: {
          finality: 3,
          evm: [
            { url: 'http://h1', chainId: 1, keyPath: 'k1', contract: at(1) },
            { url: 'http://h2', chainId: 2, keyPath: 'k2', contract: at(2) },
          ],
        },
      },
    });
    expect(readConfig(['--data', '/d', ...both, ...chain(2), ...contract(1)], {})).toEqual({
      problems: ['--anchor-chain-id names each chain once'],
    });
    const env = {
      VERAVITA_ANCHOR_EVM: 'https://h/',
      VERAVITA_ANCHOR_CHAIN_ID: '5',
      VERAVITA_ANCHOR_CONTRACT: `0x${'0A'.repeat(20)}`,
      VERAVITA_ANCHOR_KEY: 'k',
    };
    expect(readConfig(['--data', '/d'], env)).toMatchObject({
      settings: { anchors: { evm: [{ url: 'https://h/', chainId: 5, contract: new Uint8Array(20).fill(10) }] } },
    });
  });
});
