import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from '../../ledger-writer/config.ts';
import { type Log, openLog } from '../../ledger-writer/log.ts';
import { openWitness } from '../../ledger-writer/witness/witness.ts';
import { startWitnessServer, type WitnessServer } from '../../ledger-writer/witness/witness-server.ts';
import { openWitnessState, type WitnessState } from '../../ledger-writer/witness/witness-state.ts';
import { openWitnesses, type Witnesses } from '../../ledger-writer/witnesses.ts';
import { cosignerOf, encodeWitnessKey, openCosignatures, type WitnessKey } from '../../protocol/cosignature.ts';
import { noteSignerOf, parseNote } from '../../protocol/signed-note.ts';
import { nodeVerify } from '../support/node-verify.ts';
import { seedOf } from '../support/receipt-builder.ts';
import { until } from '../support/until.ts';

const origin = 'test.example/log';
const signer = noteSignerOf(origin, seedOf(5));
const cosigner = cosignerOf('honest.example/witness', seedOf(31));
const others = [32, 33].map((fill) => cosignerOf(`w${fill}.example/witness`, seedOf(fill)));

let base: string;
let log: Log;
let state: WitnessState;
let honest: WitnessServer;
let witnesses: Witnesses;
let servers: Server[];
let errors: unknown[];

beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), 'veravita-witnesses-'));
  servers = [];
  errors = [];
  state = openWitnessState(join(base, 'witness.sqlite'), encodeWitnessKey(cosigner), true);
  const witness = openWitness({ cosigner, logs: [signer], state, clock: () => 7, verify: nodeVerify });
  honest = await startWitnessServer({ witness, port: 0 });
});
afterEach(async () => {
  await witnesses.stop();
  await log.close();
  await honest.close();
  state.close();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  rmSync(base, { recursive: true });
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

async function start(urls: readonly string[], quorum: number, timeoutMs = 1500): Promise<void> {
  const keys: WitnessKey[] = [cosigner, ...others].slice(0, urls.length);
  const addresses = urls.map((url, i) => ({ url, key: keys[i]! }));
  const directory = join(base, 'log');
  const config = { directory, state: join(base, 'log.sqlite'), origin, seed: seedOf(5), create: true };
  log = await openLog({ ...config, witnesses: keys, quorum });
  witnesses = openWitnesses({
    log,
    witnesses: addresses,
    quorum,
    timeoutMs,
    retryMs: { first: 10, longest: 20 },
    onError: (error) => errors.push(error),
  });
}

let grown = 0;
async function grow(): Promise<number> {
  await log.append([crypto.getRandomValues(new Uint8Array(32))]);
  await log.integrate();
  grown = log.signed.checkpoint.size;
  return grown;
}
const published = () => log.head.checkpoint.size;
const cosignedBy = () => openCosignatures(parseNote(log.head.note), [cosigner, ...others]).length;
const lastOf = (i: number) => witnesses.status().witnesses[i]!.last;

describe('asking witnesses', () => {
  it('proves from whatever size a witness has, also when it lost its answer or the log forgot', async () => {
    await start([honest.url], 1);
    await witnesses.cosign('all');
    expect(state.latest(origin)?.size).toBe(0);
    for (let i = 0; i < 5; i++) {
      await grow();
      await witnesses.cosign();
      expect(published()).toBe(grown);
    }
    // A client that knows nothing, as after a restart, and one whose answer got lost.
    await witnesses.stop();
    await log.close();
    await start([honest.url], 1);
    await grow();
    await witnesses.cosign('all');
    expect([published(), cosignedBy(), lastOf(0)]).toEqual([6, 1, 'cosigned']);
    expect(errors).toEqual([]);
  });

  it('waits for no more than it needs, and for nobody without a quorum', async () => {
    const silent = await serve(() => {});
    await start([honest.url, silent, silent], 1, 3000);
    await grow();
    const at = performance.now();
    await witnesses.cosign();
    expect(published()).toBe(1);
    expect(performance.now() - at).toBeLessThan(2000);
    await witnesses.stop();
    await log.close();
    await start([silent, silent], 0, 3000);
    await grow();
    const again = performance.now();
    await witnesses.cosign();
    expect(published()).toBe(2);
    expect(performance.now() - again).toBeLessThan(1000);
  });

  const hostile: [string, RequestListener, string][] = [
    ['says nothing', () => {}, 'unreachable'],
    ['hangs up', (request) => request.socket.destroy(), 'unreachable'],
    ['is not ready', (_, response) => response.writeHead(503).end(), 'unreachable'],
    [
      'never ends',
      (_, response) => setInterval(() => response.destroyed || response.write('\u2014'), 5),
      'unreachable',
    ],
    ['says too much', (_, response) => response.end('x'.repeat(1 << 20)), 'unreachable'],
    ['sends elsewhere', (_, response) => response.writeHead(307, { location: honest.url }).end(), 'unreachable'],
    ['does not know the log', (_, response) => response.writeHead(404).end(), 'refused'],
    ['sends no signature', (_, response) => response.end('ok\n'), 'refused'],
    ['says that it has seen more', (_, response) => sizeAnswer(response, '900\n'), 'conflict'],
    ['says that it has seen another', (_, response) => response.writeHead(422).end(), 'conflict'],
    ['sends a size that is none', (_, response) => sizeAnswer(response, '-1\n'), 'refused'],
    ['conflicts with no size', (_, response) => response.writeHead(409).end('0\n'), 'refused'],
  ];
  function sizeAnswer(response: Parameters<RequestListener>[1], size: string): void {
    response.writeHead(409, { 'content-type': 'text/x.tlog.size' }).end(size);
  }

  it.each(hostile)('gets along with one that %s', async (_, listener, kind) => {
    const bad = await serve(listener);
    await start([honest.url, bad], 1);
    await grow();
    await witnesses.cosign('all');
    expect([published(), cosignedBy(), lastOf(0), lastOf(1)]).toEqual([1, 1, 'cosigned', kind]);
    expect(witnesses.isContradicted()).toBe(false);
    expect(witnesses.status().witnesses[1]!.counts).toEqual({ [kind]: 1 });
    expect(errors).toEqual([]);
  });

  it('takes no other witness’s word, nor one for another checkpoint', async () => {
    let body = '';
    const replaying = await serve((_, response) => response.end(body));
    await start([honest.url, replaying], 2);
    await grow();
    await witnesses.cosign('all');
    body = log.signed.note.split('\n\n')[1]!.split('\n').slice(1).join('\n');
    expect(body).toContain(cosigner.name);
    await until('it is asked again', () => {
      void witnesses.cosign('all');
      return (witnesses.status().witnesses[1]!.counts.refused ?? 0) > 1;
    });
    expect(published()).toBe(0);
  });

  it('goes around in bounded time with one that always names another size', async () => {
    let size = 0;
    const moving = await serve((_, response) => sizeAnswer(response, `${size++ % 2}\n`));
    await start([moving], 1);
    await grow();
    await grow();
    await witnesses.cosign('all');
    expect(published()).toBe(0);
    expect(size).toBeLessThan(10);
  });
});

describe('the configuration of witnesses', () => {
  const vkey = encodeWitnessKey(cosigner);
  const problemsOf = (...args: string[]) => {
    const result = readConfig(['--data', '/d', ...args], {});
    return 'problems' in result ? result.problems.length : 0;
  };

  it('names them with their keys, on the command line or in the environment', async () => {
    await start([honest.url], 0);
    const url = 'http://127.0.0.1:8090/a=b';
    const expected = { settings: { quorum: 1, witnesses: [{ url, key: { name: cosigner.name } }] } };
    expect(readConfig(['--data', '/d', '--witness', `${url}=${vkey}`, '--quorum', '1'], {})).toMatchObject(expected);
    const env = { VERAVITA_DATA: '/d', VERAVITA_LOG_WITNESSES: ` ${url}=${vkey} `, VERAVITA_LOG_QUORUM: '1' };
    expect(readConfig([], env)).toMatchObject(expected);
    expect(problemsOf('--witness', `${url}=${vkey}`, '--witness', `http://x=${vkey}`)).toBe(1);
    expect(problemsOf('--witness', vkey)).toBe(1);
    expect(problemsOf('--witness', `ftp://x=${vkey}`)).toBe(1);
    expect(problemsOf('--quorum', '1')).toBe(1);
    expect(problemsOf('--witness', 'http://x=y', '--quorum=-1', '--witness-timeout', '0')).toBe(3);
  });
});
