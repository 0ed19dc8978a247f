/**
 * The list of erasures after a full disk or a power cut left half a line: it can be added to and read again, also by several
 * processes at once.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openOrderList } from '../../ingest-service/erasure/order-list.ts';
import { openRecordSqlite, type RecordStore } from '../../ingest-service/record/record-sqlite.ts';
import { verifyEd25519 } from '../../protocol/ed25519.ts';
import { type ErasureOrder, signErasureOrder } from '../../protocol/erasure.ts';
import { newSigner } from '../support/raw-agent.ts';
import { signerOf } from '../support/receipt-builder.ts';

const service = newSigner();
const ADDER = fileURLToPath(new URL('../support/add-orders.ts', import.meta.url));
let folder: string;
let path: string;
let store: RecordStore;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'veravita-orders-'));
  path = join(folder, 'erasures.list');
  const record = join(folder, 'record.sqlite');
  store = openRecordSqlite({ path: record, keyEncryptionKey: new Uint8Array(32), verify: verifyEd25519 });
});

afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true });
});

const open = () => openOrderList(path, service.publicKey, verifyEd25519, store);

function order(n: number): ErasureOrder {
  const [id, mark] = [new Uint8Array(16).fill(n), new Uint8Array(32).fill(n)];
  return { id, mark, basis: 'order', at: n };
}

const idsOf = (orders: readonly ErasureOrder[]) => orders.map(({ id }) => id[0]);

it.each([0, 1, 2])('adds behind %i whole lines and half a line', (whole) => {
  const before = Array.from({ length: whole }, (_, i) => i + 1);
  for (const n of before) open().add(signErasureOrder(order(n), service));
  if (whole === 0) writeFileSync(path, '');
  const kept = readFileSync(path, 'latin1');
  appendFileSync(path, 'g1hfogEnoF');
  const list = open();
  expect(idsOf(list.fresh())).toEqual(before);
  list.add(signErasureOrder(order(9), service));
  expect(idsOf(list.fresh())).toEqual([9]);
  expect(idsOf(open().fresh())).toEqual([...before, 9]);
  expect(readFileSync(path, 'latin1').startsWith(kept)).toBe(true);
  expect(readFileSync(path, 'latin1')).not.toContain('g1hfogEnoF');
});

it('keeps every order of processes that add at once, also behind what others left half written', async () => {
  const [processes, each] = [3, 25];
  const adders = Array.from({ length: processes }, (_, i) => fork(ADDER, [folder, String(each * i), String(each)]));
  try {
    await Promise.all(adders.map((adder) => once(adder, 'message')));
    const ends = adders.map((adder) => once(adder, 'exit'));
    for (const adder of adders) adder.send('go');
    expect((await Promise.all(ends)).map(([code]) => code)).toEqual(Array(processes).fill(0));
  } finally {
    for (const adder of adders) adder.kill('SIGKILL');
  }
  const list = openOrderList(path, signerOf(2).publicKey, verifyEd25519, store);
  const ids = idsOf(list.fresh()).toSorted((a, b) => a! - b!);
  expect(ids).toEqual(Array.from({ length: processes * each }, (_, i) => i));
}, 30_000);
