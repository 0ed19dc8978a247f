import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openWitness } from '../../../ledger-writer/witness/witness.ts';
import {
  type Ending,
  MAX_BODY,
  startWitnessServer,
  type WitnessServer,
} from '../../../ledger-writer/witness/witness-server.ts';
import { openWitnessState, type WitnessState } from '../../../ledger-writer/witness/witness-state.ts';
import { cosignerOf, encodeWitnessKey } from '../../../protocol/cosignature.ts';
import { seedOf } from '../../support/receipt-builder.ts';
import { until } from '../../support/until.ts';
import { branchOf, LOG } from './branches.ts';

const cosigner = cosignerOf('one.example/witness', seedOf(31));
const main = branchOf('main', 99, 20);
const good = main.request(0, 5);

let base: string;
let state: WitnessState;
let server: WitnessServer;
let endings: Ending[] = [];
let errors: unknown[] = [];

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'veravita-witness-http-'));
  state = openWitnessState(join(base, 'state.sqlite'), encodeWitnessKey(cosigner), true);
  const witness = openWitness({ cosigner, logs: [LOG], state, clock: () => 1 });
  server = await startWitnessServer({
    witness,
    port: 0,
    onEnd: (ending) => endings.push(ending),
    onError: (error) => errors.push(error),
  });
});
beforeEach(() => {
  endings = [];
  errors = [];
});
afterAll(async () => {
  await server.close();
  state.close();
  rmSync(base, { recursive: true });
});

const post = (body: string | Uint8Array, path = '/add-checkpoint') =>
  fetch(`${server.url}${path}`, { method: 'POST', body: body as BodyInit });

/** What comes back for these octets on a connection, until it closes. */
async function raw(...parts: (string | Buffer)[]): Promise<string> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.setEncoding('latin1').on('data', (text: string) => {
    answer += text;
  });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => {}); // a reset is an answer too
  for (const part of parts) socket.write(part);
  socket.end();
  await closed;
  return answer;
}

it('listens on this machine and answers with a cosignature, over one connection for many requests', async () => {
  expect(new URL(server.url).hostname).toBe('127.0.0.1');
  const answer = await post(good);
  expect(answer.status).toBe(200);
  expect(await answer.text()).toMatch(/^\u2014 one\.example\/witness [A-Za-z0-9+/]+=*\n$/);
  const conflict = await post(good);
  expect([conflict.status, conflict.headers.get('content-type'), await conflict.text()]).toEqual([
    409,
    'text/x.tlog.size',
    '5\n',
  ]);
  expect(endings).toEqual(['cosigned', 'other-size']);
});

describe('hostile requests', () => {
  it('are refused, counted, and change nothing', async () => {
    const before = state.latest(LOG.name);
    const bodies: [number, string | Uint8Array][] = [
      [400, ''],
      [400, '\n'],
      [400, '\n\n'],
      [400, 'old 0\n\n'],
      [400, Uint8Array.of(0xff, 0xfe)],
      [400, good.replace('old 0', 'old 1e1')],
      [400, good.replace('old 0', 'old 99999999999999999999')],
      [400, good.replaceAll('\n', '\r\n')],
      [400, good.slice(0, -1)],
      [400, good.replace('\n5\n', '\n05\n')],
      [400, `old 0\n${'AAAA\n'.repeat(64)}\nx`],
      [400, 'old 0\n\n'.repeat(10_000)],
      [400, '\n'.repeat(MAX_BODY)],
      [403, good.replace('\n5\n', '\n6\n')],
      [413, 'x'.repeat(MAX_BODY + 1)],
    ];
    for (const [status, body] of bodies) {
      const answer = await post(body).catch((error: unknown) => error as Error);
      // Who still sends while it is told that it was too much may only see the connection close.
      if (answer instanceof Error) expect(status).toBe(413);
      else expect(answer.status, String(body).slice(0, 30)).toBe(status);
    }
    expect(endings).toHaveLength(bodies.length);
    for (const path of ['/', '/add-checkpoint/', '/add-checkpoint?x', '/ADD-CHECKPOINT', '/../add-checkpoint%00']) {
      expect((await post(good, path)).status, path).toBe(404);
    }
    const get = await fetch(`${server.url}/add-checkpoint`);
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST']);
    expect(state.latest(LOG.name)).toEqual(before);
    expect(errors).toEqual([]);
  });

  it('that lie about their length, break off or are no HTTP at all harm nobody', async () => {
    const head = 'POST /add-checkpoint HTTP/1.1\r\nHost: x\r\n';
    expect(await raw(`${head}Content-Length: ${2 ** 31}\r\n\r\n`, 'x')).toMatch(/^HTTP\/1.1 413 /);
    const chunk = `${(MAX_BODY / 2 + 1).toString(16)}\r\n${'x'.repeat(MAX_BODY / 2 + 1)}\r\n`;
    expect(await raw(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`)).toMatch(/^(HTTP\/1.1 413 |$)/);
    expect(await raw(`${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 400 /,
    );
    expect(await raw(`${head}Content-Length: 500\r\n\r\n`, 'old 0')).not.toMatch(/200/);
    expect(await raw(Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]))).toMatch(/^HTTP\/1.1 400 /);
    expect(await raw(`${head}X: ${'y'.repeat(100_000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /);
    // What was not read of a refused body is no request of its own.
    const smuggled = `${head}Content-Length: ${good.length}\r\n\r\n${good}`;
    const twice = await raw(`${head.replace('POST', 'PUT')}Content-Length: ${smuggled.length}\r\n\r\n${smuggled}`);
    expect(twice.match(/HTTP\/1.1/g)).toHaveLength(1);
    expect((await post(main.request(5, 6))).status).toBe(200);
    expect(errors).toEqual([]);
  });

  it('that come all at once leave one line of trees', async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => post(main.request(6, 7 + (i % 13)))));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(0);
    expect(statuses.every((status) => status === 200 || status === 409)).toBe(true);
    const cosigned = answers.flatMap(({ status }, i) => (status === 200 ? [7 + (i % 13)] : []));
    expect(new Set(cosigned).size).toBe(1);
    expect(state.latest(LOG.name)!.size).toBe(cosigned[0]);
  });

  it('are 503, without a word of why, when the memory fails', async () => {
    state.close();
    const answer = await post(good);
    expect([answer.status, await answer.text()]).toEqual([503, 'unavailable\n']);
    await until('the failure is told', () => errors.length === 1);
    state = openWitnessState(join(base, 'state.sqlite'), encodeWitnessKey(cosigner), false);
  });
});
