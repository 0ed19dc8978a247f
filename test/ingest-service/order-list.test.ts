/** The list of erasures after a full disk or a power cut left half a line: it can be added to and read again. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openOrderList } from '../../ingest-service/erasure/order-list.ts';
import { verifyEd25519 } from '../../protocol/ed25519.ts';
import { type ErasureOrder, signErasureOrder } from '../../protocol/erasure.ts';
import { newSigner } from '../support/raw-agent.ts';

const service = newSigner();
let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'veravita-orders-'));
  path = join(folder, 'erasures.list');
});

afterEach(() => rmSync(folder, { recursive: true }));

const open = () => openOrderList(path, service.publicKey, verifyEd25519);

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
