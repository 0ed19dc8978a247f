/**
 * The signed list of erasures, a file beside the record: one order a line, only ever added to. It says what to erase again
 * when an older record is put back, so it is never restored from a backup older than itself.
 */
import { appendFileSync, closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { decodeBase64Url, encodeBase64Url } from '../../protocol/bytes.ts';
import type { Verify } from '../../protocol/cose.ts';
import { type ErasureOrder, openErasureOrder } from '../../protocol/erasure.ts';
import { Fault, isFault } from '../../protocol/fault.ts';
import type { RecordStore } from '../record/record-sqlite.ts';

export interface OrderList {
  /** Orders that were added since the last call, by this process or another; all of them at first. Throws `inconsistent`. */
  fresh(): ErasureOrder[];
  /**
   * Durable when it returns: from there the erasure will be carried out, whatever happens. Not inside a transaction of the
   * record. Throws `unavailable` while another process holds the record for long.
   */
  add(signed: Uint8Array): void;
}

/**
 * `service`: the key that signed the orders. `store`: the record, whose lock orders are added under: the service and an
 * operator's command both write, and what the one takes for half a line may be what the other has just made whole.
 */
export function openOrderList(
  path: string,
  service: Uint8Array,
  verify: Verify,
  store: Pick<RecordStore, 'transaction'>,
): OrderList {
  let read = 0;

  /** Whole lines only: what a crash left of a last one (`isTorn`) was never acknowledged. */
  function lines(): { readonly text: string; readonly whole: number; readonly isTorn: boolean } {
    const text = existsSync(path) ? readFileSync(path, 'latin1') : '';
    const whole = text.lastIndexOf('\n') + 1;
    return { text: text.slice(0, whole), whole, isTorn: whole < text.length };
  }

  return {
    fresh() {
      const { text, whole } = lines();
      const added = text.slice(read).split('\n').filter(Boolean);
      const orders = added.map((line) => openLine(line, service, verify));
      read = whole;
      return orders;
    },

    add: (signed) => store.transaction(() => append(signed)),
  };

  /** The caller holds the lock. */
  function append(signed: Uint8Array): void {
    const isNew = !existsSync(path);
    const { whole, isTorn } = lines();
    const file = openSync(path, 'a', 0o600);
    try {
      if (isTorn) {
        // Before anything follows it: half a line with an order behind it could not be read for ever.
        ftruncateSync(file, whole);
        fsyncSync(file);
      }
      appendFileSync(file, `${encodeBase64Url(signed)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    if (isNew) syncFolder(dirname(path));
  }
}

function openLine(line: string, service: Uint8Array, verify: Verify): ErasureOrder {
  try {
    return openErasureOrder(decodeBase64Url(line), service, verify);
  } catch (error) {
    if (!isFault(error)) throw error;
    throw new Fault('inconsistent', 'the list of erasures does not hold; restore the newest copy of it');
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  fsyncSync(folder);
  closeSync(folder);
}
