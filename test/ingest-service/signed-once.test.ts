/** A signed request serves once: also where the service's clock is set back, or it starts again meanwhile. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import cookies from '@fastify/cookie';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createSessions } from '../../ingest-service/http/sessions.ts';
import { openRecordSqlite, type RecordStore } from '../../ingest-service/record/record-sqlite.ts';
import { verifyEd25519 } from '../../protocol/ed25519.ts';
import { isFault } from '../../protocol/fault.ts';
import { signRequest } from '../../protocol/signed-request.ts';
import { PATIENT } from '../support/receipt-builder.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOON = Date.UTC(2026, 2, 1, 12);

let folder: string;
let store: RecordStore;
let app: FastifyInstance;
/** What the service's clock shows, and how long it has been running really. */
let now = NOON;
let ticks = 0;

const open = () =>
  openRecordSqlite({
    path: join(folder, 'record.sqlite'),
    keyEncryptionKey: new Uint8Array(32),
    verify: verifyEd25519,
  });

beforeEach(async () => {
  [now, ticks] = [NOON, 0];
  folder = mkdtempSync(join(tmpdir(), 'veravita-once-'));
  store = open();
  store.patients.admit(PATIENT.publicKey, { name: 'Ada (HTEST)', test: true });
  await start();
});

afterEach(async () => {
  await app.close();
  store.close();
  rmSync(folder, { recursive: true });
});

async function start(): Promise<void> {
  const sessions = createSessions({ store, clock: () => now, monotonic: () => ticks, verify: verifyEd25519 });
  app = fastify();
  await app.register(cookies);
  app.get('/who', (request) => {
    try {
      return { role: sessions.identify(request)?.role };
    } catch (error) {
      if (!isFault(error)) throw error;
      return { role: error.code };
    }
  });
}

async function restart(): Promise<void> {
  await app.close();
  store.close();
  store = open();
  await start();
}

/** Time goes by, on the wall and in truth. */
function pass(ms: number): void {
  now += ms;
  ticks += ms;
}

/** Signed by a clock; the right one unless it is said. */
const sign = (at = now) => signRequest({ method: 'GET', path: '/who' }, at, new Uint8Array(randomBytes(16)), PATIENT);

async function ask(authorization = sign()): Promise<string> {
  const answer = await app.inject({ url: '/who', headers: { authorization } });
  return answer.json<{ role: string }>().role;
}

it('is taken once', async () => {
  const request = sign();
  expect([await ask(request), await ask(request), await ask()]).toEqual(['patient', 'expired', 'patient']);
});

it('is taken where the clock is set back to before the start', async () => {
  pass(10 * MINUTE);
  expect(await ask()).toBe('patient');
  now -= HOUR;
  const request = sign();
  expect([await ask(request), await ask(request)]).toEqual(['patient', 'expired']);
  pass(MINUTE);
  expect(await ask()).toBe('patient');
});

it('is not taken again where the clock comes to its time once more', async () => {
  pass(MINUTE);
  const request = sign();
  expect(await ask(request)).toBe('patient');
  for (let i = 0; i < 10; i++) {
    pass(MINUTE);
    expect(await ask()).toBe('patient');
  }
  now -= 10 * MINUTE;
  expect(await ask(request)).toBe('expired');
  expect(await ask()).toBe('patient');
});

it('is taken where the clock was years ahead, and is right again', async () => {
  now += 3 * 365 * 24 * HOUR;
  expect(await ask()).toBe('patient');
  pass(26 * HOUR);
  const ahead = sign();
  expect(await ask(ahead)).toBe('patient');
  now -= 3 * 365 * 24 * HOUR;
  expect([await ask(), await ask(ahead)]).toEqual(['patient', 'expired']);
});

it('is not taken again after a restart, wherever the clock was set', async () => {
  pass(MINUTE);
  const request = sign();
  expect(await ask(request)).toBe('patient');
  await restart();
  expect(await ask(request)).toBe('expired');
  pass(20 * MINUTE);
  await restart();
  now -= 21 * MINUTE;
  expect(await ask(request)).toBe('expired');
  pass(10 * MINUTE);
  now -= 10 * MINUTE;
  expect(await ask(request)).toBe('expired');
  expect(await ask()).toBe('patient');
});

it('is not taken where it was signed before the start: an older record may not know it', async () => {
  pass(MINUTE);
  const request = sign();
  pass(1);
  await restart();
  expect(await ask(request)).toBe('expired');
  expect(await ask()).toBe('patient');
});

it('is not taken again where it was forgotten, and those of other minutes are', () => {
  const nonces = Array.from({ length: 60 }, () => new Uint8Array(randomBytes(16)));
  const claim = (n: number, at = NOON + n * MINUTE) =>
    store.transaction(() => store.requestNonces.claim(nonces[n]!, at, 40));
  expect(nonces.map((_, n) => claim(n))).toEqual(nonces.map(() => true));
  const database = new DatabaseSync(join(folder, 'record.sqlite'), { readOnly: true });
  const { kept } = database.prepare('SELECT count(*) AS kept FROM request_nonces').get() as { kept: number };
  database.close();
  expect(kept).toBeLessThanOrEqual(40);
  expect(nonces.map((_, n) => claim(n))).toEqual(nonces.map(() => false));
  nonces[0] = new Uint8Array(randomBytes(16));
  expect([claim(0), claim(0, NOON - 1), claim(0, NOON - 1)]).toEqual([false, true, false]);
});
