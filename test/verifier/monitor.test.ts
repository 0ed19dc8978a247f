import { spawn, spawnSync } from 'node:child_process';
import { createHash, hash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Log, openLog } from '../../ledger-writer/log.ts';
import { encodeHex } from '../../protocol/bytes.ts';
import { addSignatures, cosign } from '../../protocol/cosignature.ts';
import { parseNote } from '../../protocol/signed-note.ts';
import { encodeTrust, type Trust } from '../../protocol/trust.ts';
import { parseExpectations } from '../../verifier/monitor/expectations.ts';
import { openSource } from '../../verifier/monitor/log-source.ts';
import { type Look, lookAtLog } from '../../verifier/monitor/look.ts';
import { emptyMemory, type Memory, readMemory, writeMemory } from '../../verifier/monitor/memory.ts';
import { faultOf } from '../support/fault-of.ts';
import { PARTIES, seedOf, trustIn, trustWitnesses, WITNESSES } from '../support/receipt-builder.ts';
import { until } from '../support/until.ts';

const MAIN = fileURLToPath(new URL('../../verifier/monitor-main.ts', import.meta.url));
const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');
const TRUST = trustIn(PARTIES);
const AT = Date.UTC(2026, 2, 1, 8);
const entry = (n: number | string) => new Uint8Array(createHash('sha256').update(`entry ${n}`).digest());
const entries = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => entry(from + i));

let base: string;
let memory: Memory;
const logs: Log[] = [];

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'veravita-monitor-'));
  memory = emptyMemory();
});
afterEach(async () => {
  for (const log of logs.splice(0)) await log.close();
  rmSync(base, { recursive: true });
});

/** A log of the trusted key in a folder of that name. */
async function logIn(name: string): Promise<{ folder: string; grow: (more: readonly Uint8Array[]) => Promise<void> }> {
  const folder = join(base, name, 'log');
  const state = join(base, name, 'state.sqlite');
  const log = await openLog({ directory: folder, state, origin: PARTIES.log.name, seed: seedOf(3), create: true });
  logs.push(log);
  const grow = async (more: readonly Uint8Array[]) => {
    await log.append(more);
    await log.integrate();
  };
  return { folder, grow };
}

interface Options {
  readonly trust?: Trust;
  readonly at?: number;
  readonly maxAgeMs?: number;
  readonly expect?: string;
}

function look(where: string, { trust = TRUST, at = AT, maxAgeMs, expect = '' }: Options = {}): Promise<Look> {
  const expectations = parseExpectations(expect);
  const readTile = openSource(where, 2000);
  const age = maxAgeMs === undefined ? {} : { maxAgeMs };
  return lookAtLog({ trust, readTile, sha256, expectations, maxDelayMs: 60_000, ...age }, memory, at);
}

const codes = ({ alarms }: Look) => alarms.map(({ code }) => code);

describe('a monitor', () => {
  it('follows a log that grows, at sizes where tiles fill, with a memory of a few hashes', async () => {
    const { folder, grow } = await logIn('a');
    const path = join(base, 'memory.json');
    let size = 0;
    for (const to of [0, 1, 2, 255, 256, 257, 257, 700, 1023]) {
      await grow(entries(size, to));
      size = to;
      const { alarms, ...rest } = await look(folder);
      expect(alarms).toEqual([]);
      expect(rest).toMatchObject({ size: to });
      writeMemory(path, memory);
      memory = readMemory(path, TRUST.log, sha256);
    }
    expect(statSync(path).size).toBeLessThan(4000);
    expect(memory.seen!.frontier.roots).toHaveLength(10);
  });

  it('sees a rollback and a fork, and keeps the notes that show them', async () => {
    const a = await logIn('a');
    await a.grow(entries(0, 300));
    cpSync(a.folder, join(base, 'old'), { recursive: true });
    await a.grow(entries(300, 400));
    const b = await logIn('b');
    await b.grow(entries(0, 250));
    await b.grow([entry('other'), ...entries(251, 400)]);
    expect(codes(await look(a.folder))).toEqual([]);
    const good = memory.seen!;

    const rolledBack = await look(join(base, 'old'));
    expect(codes(rolledBack)).toEqual(['rollback']);
    expect(rolledBack.alarms[0]!.evidence).toEqual([good.note, readFileSync(join(base, 'old', 'checkpoint'), 'utf8')]);
    expect(codes(await look(b.folder))).toEqual(['fork']); // of the same size
    await b.grow(entries(400, 500));
    const forked = await look(b.folder);
    expect(codes(forked)).toEqual(['fork']); // larger
    expect(forked.alarms[0]!.evidence).toHaveLength(2);
    expect(memory.seen).toBe(good);
    await a.grow(entries(400, 401));
    expect(codes(await look(a.folder))).toEqual([]);
  });

  it('sees every file that was changed, and every one that is gone', async () => {
    const { folder, grow } = await logIn('a');
    await grow(entries(0, 700));
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
      (name) => !name.startsWith('.tmp') && statSync(join(folder, name)).isFile(),
    );
    expect(files.length).toBeGreaterThan(7);
    for (const name of files) {
      const file = join(folder, name);
      const original = readFileSync(file);
      for (const at of [2, original.length >> 1, original.length - 3]) {
        const forged = Buffer.from(original);
        forged[at]! ^= 1;
        writeFileSync(file, forged);
        memory = emptyMemory();
        expect(codes(await look(folder)), name).toEqual([name === 'checkpoint' ? 'bad-signature' : 'forged']);
      }
      rmSync(file);
      memory = emptyMemory();
      expect(codes(await look(folder)), name).toEqual(['missing']);
      expect(memory.seen).toBeUndefined();
      writeFileSync(file, original);
    }
    expect(codes(await look(folder))).toEqual([]);
  });

  it('reads old entries again, so that late changes are seen too', async () => {
    const { folder, grow } = await logIn('a');
    await grow(entries(0, 256 * 9));
    expect(codes(await look(folder))).toEqual([]);
    const file = join(folder, 'tile/entries/007');
    const forged = readFileSync(file);
    forged[40]! ^= 1;
    writeFileSync(file, forged);
    const seen: string[] = [];
    for (let i = 0; i < 3; i++) seen.push(...codes(await look(folder)));
    expect(seen).toContain('forged');
  });

  it('believes no log but the trusted one', async () => {
    const { folder, grow } = await logIn('a');
    await grow(entries(0, 3));
    const others = { ...PARTIES, log: { ...PARTIES.log, name: 'else.example' } };
    expect(codes(await look(folder, { trust: trustIn(others) }))).toEqual(['bad-signature']);
    writeFileSync(join(folder, 'checkpoint'), Buffer.from([0xff, 0xfe]));
    expect(codes(await look(folder))).toEqual(['bad-signature']);
  });

  it('counts witnesses, where there is something to witness', async () => {
    const { folder, grow } = await logIn('a');
    const trust = trustWitnesses(2);
    expect(await look(folder, { trust })).toMatchObject({ alarms: [], cosigned: 0 });
    await grow(entries(0, 3));
    expect(codes(await look(folder, { trust }))).toEqual(['witnesses']);
    const file = join(folder, 'checkpoint');
    const note = parseNote(readFileSync(file, 'utf8'));
    const lines = WITNESSES.slice(0, 2).map((witness) => cosign(note.text, witness, 1));
    writeFileSync(file, addSignatures(note, lines));
    expect(await look(folder, { trust })).toMatchObject({ alarms: [], cosigned: 2 });
    expect(codes(await look(folder, { trust: trustWitnesses(3) }))).toEqual(['witnesses']);
    writeFileSync(file, addSignatures(note, [{ ...lines[0]!, signature: lines[1]!.signature }]));
    expect(codes(await look(folder, { trust }))).toEqual(['bad-signature']);
  });

  it('says when the log stands still for too long', async () => {
    const { folder, grow } = await logIn('a');
    await grow(entries(0, 3));
    const at = (seconds: number) => look(folder, { at: AT + seconds * 1000, maxAgeMs: 60_000 });
    expect(codes(await at(0))).toEqual([]);
    expect(codes(await at(60))).toEqual([]);
    expect(codes(await at(61))).toEqual(['stale']);
    await grow(entries(3, 4));
    expect(codes(await at(62))).toEqual([]);
  });

  it('looks for what was promised: already there, in time, too late, never', async () => {
    const { folder, grow } = await logIn('a');
    await grow(entries(0, 600));
    const line = (n: number | string) => `${encodeHex(entry(n))} 2026-03-01T08:00:00Z`;
    const expectFrom = (seconds: number, ...names: (number | string)[]) =>
      look(folder, { at: AT + seconds * 1000, expect: `# promised\n\n${names.map(line).join('\n')}\n` });
    await look(folder);
    // Logged before anybody expected it, long ago and lately.
    expect(await expectFrom(1, 3, 599)).toMatchObject({ expected: { found: 2, waiting: 0 }, alarms: [] });
    expect(await expectFrom(59, 3, 599, 'soon')).toMatchObject({ expected: { found: 2, waiting: 1 }, alarms: [] });
    await grow([entry('soon')]);
    expect(await expectFrom(60, 3, 'soon')).toMatchObject({ expected: { found: 2, waiting: 0 }, alarms: [] });
    expect(await expectFrom(61, 'never', 'late', 'soon')).toMatchObject({
      expected: { found: 1, waiting: 0, overdue: 2 },
      alarms: [{ code: 'overdue', commitments: [encodeHex(entry('never')), encodeHex(entry('late'))] }],
    });
    await grow([...entries(1000, 1300), entry('late')]);
    expect(await expectFrom(62, 'never', 'late')).toMatchObject({ expected: { found: 1, overdue: 1 } });
    expect(codes(await look(folder))).toEqual([]);
    for (const bad of ['abc 2026-03-01T08:00:00Z', `${encodeHex(entry(1))}`, `${encodeHex(entry(1))} yesterday`]) {
      expect(faultOf(() => parseExpectations(bad))).toBe('malformed');
    }
  });

  it('reads a log over HTTP, and tells silence from an answer', async () => {
    const { folder, grow } = await logIn('a');
    await grow(entries(0, 300));
    let mode: 'serve' | 'fail' | 'hang' | 'flood' = 'serve';
    const server = createServer((request, response) => {
      const file = join(folder, request.url!);
      if (mode === 'hang') return;
      if (mode === 'fail') return void response.writeHead(500).end();
      if (mode === 'flood') {
        const chunk = Buffer.alloc(1 << 20);
        const more = (): void => {
          while (!response.destroyed && response.write(chunk)) {}
        };
        response.on('drain', more);
        return more();
      }
      if (!existsSync(file)) return void response.writeHead(404).end();
      response.end(readFileSync(file));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      expect(await look(url)).toMatchObject({ size: 300, alarms: [] });
      for (mode of ['fail', 'hang', 'flood'] as const) expect(codes(await look(url)), mode).toEqual(['unreachable']);
      mode = 'serve';
      rmSync(join(folder, 'checkpoint'));
      expect(codes(await look(url))).toEqual(['missing']);
    } finally {
      server.closeAllConnections();
      server.close();
    }
    expect(codes(await look(url))).toEqual(['unreachable']);
  });
});

describe('npm run monitor', () => {
  const run = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
    return { status, stdout, stderr };
  };
  const at = (name: string) => join(base, name);

  it('ends with 0, 1 or 2, says why in one line, and remembers', async () => {
    writeFileSync(at('trust.json'), encodeTrust(TRUST));
    const a = await logIn('a');
    await a.grow(entries(0, 30));
    cpSync(a.folder, at('old'), { recursive: true });
    await a.grow(entries(30, 40));
    const once = ['--trust', at('trust.json'), '--state', at('memory.json'), '--once'];
    expect(run('--log', a.folder, ...once)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^40 entries, root [0-9a-f]{16}\n$/),
    });
    expect(run('--log', at('old'), ...once)).toEqual({
      status: 1,
      stdout: expect.stringMatching(/\nALARM rollback: the log has 30 entries and had 40\n$/),
      stderr: '',
    });
    const evidence = JSON.parse(readFileSync(at('memory.json.evidence'), 'utf8'));
    expect(evidence).toMatchObject({ code: 'rollback', evidence: { length: 2 } });
    // A proof ends the watch without --once, too.
    const json = run('--log', at('old'), ...once.slice(0, 4), '--json');
    expect([json.status, json.stdout.trim().split('\n').length]).toEqual([1, 1]);
    expect(JSON.parse(json.stdout)).toMatchObject({ size: 30, alarms: [{ code: 'rollback' }] });
    expect(run('--log', 'http://127.0.0.1:9', ...once)).toMatchObject({
      status: 2,
      stdout: expect.stringContaining('ALARM unreachable'),
    });
    // What it remembers is not quietly thrown away.
    writeFileSync(at('memory.json'), '{}');
    expect(run('--log', a.folder, ...once)).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining('the memory'),
    });
  });

  it('watches until it is told to stop, one line of JSON for each look', async () => {
    writeFileSync(at('trust.json'), encodeTrust(TRUST));
    const a = await logIn('a');
    await a.grow(entries(0, 3));
    const child = spawn(process.execPath, [
      MAIN,
      '--log',
      a.folder,
      '--trust',
      at('trust.json'),
      '--interval',
      '0.02',
      '--json',
    ]);
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    await until('it has looked', () => output.split('\n').length > 2);
    await a.grow(entries(3, 5));
    await until('it sees more', () => output.includes('"size":5'));
    const closed = once(child, 'close');
    child.kill('SIGINT');
    await closed;
    expect(child.exitCode).toBe(0);
    for (const line of output.trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ alarms: [] });
  });

  it('explains itself and lists all that is wrong', () => {
    expect(run('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('npm run -s monitor') });
    const { status, stderr } = run('--interval', '0', '--max-age', 'x');
    expect([status, stderr.trim().split('\n').length]).toEqual([2, 4]);
  });
});
