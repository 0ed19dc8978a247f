/**
 * A process that adds orders to the list of a folder, once it is told to, and leaves half a line behind each as one would that
 * is killed: `add-orders.ts FOLDER FIRST COUNT`. Ends with 0 when all were acknowledged.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { openOrderList } from '../../ingest-service/erasure/order-list.ts';
import { openRecordSqlite } from '../../ingest-service/record/record-sqlite.ts';
import { verifyEd25519 } from '../../protocol/ed25519.ts';
import { signErasureOrder } from '../../protocol/erasure.ts';
import { signerOf } from './receipt-builder.ts';

const [folder = '', first = '', count = ''] = process.argv.slice(2);
const path = join(folder, 'erasures.list');
const service = signerOf(2);
const store = openRecordSqlite({
  path: join(folder, 'record.sqlite'),
  keyEncryptionKey: new Uint8Array(32),
  verify: verifyEd25519,
});
const list = openOrderList(path, service.publicKey, verifyEd25519, store);
const orders = Array.from({ length: Number(count) }, (_, i) => {
  const [id, mark] = [new Uint8Array(16).fill(Number(first) + i), new Uint8Array(32)];
  return signErasureOrder({ id, mark, basis: 'order', at: 1 }, service);
});

process.once('message', () => {
  for (const order of orders) {
    list.add(order);
    store.transaction(() => appendFileSync(path, 'g1hfogEnoF'));
  }
  store.close();
  process.disconnect();
});
process.send?.('ready');
