/** Receipts with a key history: a log in which batch and key events stand where a test wants them. */
import { sha256 } from '@noble/hashes/sha2.js';
import { encodeUtf8 } from '../../protocol/bytes.ts';
import { signCheckpoint } from '../../protocol/checkpoint.ts';
import { commitmentOf } from '../../protocol/commitment.ts';
import { readKeyEvent } from '../../protocol/key-event.ts';
import { hashLeaf, inclusionProof, rootOf } from '../../protocol/merkle.ts';
import type { Receipt } from '../../protocol/receipt.ts';
import { encodeTlogProof } from '../../protocol/tlog-proof.ts';
import { type BuiltBatch, PARTIES, receiptOf } from './receipt-builder.ts';

const SIZE = 13;

/** `places`: index in the log of the batch, and of each event, in the order of the history. */
export function receiptWithHistory(
  batch: BuiltBatch,
  events: readonly Uint8Array[],
  places: { readonly batch: number; readonly events: readonly number[] },
): Receipt {
  const entries: Uint8Array[] = Array.from({ length: SIZE }, (_, i) => sha256(encodeUtf8(`entry ${i}`)));
  entries[places.batch] = commitmentOf('batch', batch.signed.id);
  for (const [i, event] of events.entries()) {
    entries[places.events[i]!] = commitmentOf('key-event', readKeyEvent(event).id);
  }
  const hashes = entries.map((entry) => hashLeaf(entry));
  const { log } = PARTIES;
  const checkpoint = signCheckpoint({ origin: log.name, size: SIZE, root: rootOf(hashes) }, [log]);
  const prove = (index: number) => encodeTlogProof({ index, proof: inclusionProof(hashes, index), checkpoint });
  return {
    ...receiptOf(batch, 0),
    logProof: prove(places.batch),
    ...(events.length > 0 && {
      keyHistory: events.map((event, i) => ({ event, logProof: prove(places.events[i]!) })),
    }),
  };
}
