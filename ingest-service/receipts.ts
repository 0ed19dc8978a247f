/** Receipts: what a stranger needs to check one reading, gathered from the record and the public files of the log. */

import { readHeader } from '../protocol/batch.ts';
import { decodeUtf8 } from '../protocol/bytes.ts';
import { openCheckpoint } from '../protocol/checkpoint.ts';
import { Fault } from '../protocol/fault.ts';
import { encodeId } from '../protocol/keys.ts';
import { inclusionProof } from '../protocol/merkle.ts';
import type { Receipt } from '../protocol/receipt.ts';
import type { NoteKey } from '../protocol/signed-note.ts';
import { encodeTlogProof } from '../protocol/tlog-proof.ts';
import { proveInclusion, type ReadTile } from '../protocol/tlog-tiles.ts';
import { anchorsOf } from './anchors.ts';
import type { RecordStore } from './record/record-sqlite.ts';
import type { FiledReading } from './record/segments.ts';

export interface ReceiptSources {
  readonly store: RecordStore;
  /** A file of the log by its C2SP path, `checkpoint` too: the same that any outsider may read. */
  readonly readLog: ReadTile;
  readonly logKey: NoteKey;
}

/** Throws `missing` (retry later) while no signed checkpoint covers the reading's batch. */
export async function receiptFor(sources: ReceiptSources, reading: FiledReading): Promise<Receipt> {
  const { store, readLog, logKey } = sources;
  const batch = store.batches.get(reading.batch);
  if (!batch) throw new Fault('inconsistent', 'a reading without its batch');
  const agent = store.agents.get(encodeId(readHeader(batch.signedHeader).header.agent));
  if (!agent) throw new Fault('inconsistent', 'a batch without its agent');
  const index = store.batches.logIndex(batch.id);
  const note = await readLog('checkpoint');
  if (index === undefined || !note) throw new Fault('missing', 'not in a signed checkpoint yet', 'later');
  const text = decodeUtf8(note);
  const { checkpoint } = openCheckpoint(text, [logKey], logKey.name);
  const anchors = await anchorsOf(readLog, index);
  return {
    index: reading.index,
    salt: reading.salt,
    body: reading.body,
    path: inclusionProof(splitHashes(batch.leafHashes), reading.index),
    header: batch.signedHeader,
    enrolment: agent.enrolment,
    logProof: encodeTlogProof({ index, proof: await proveInclusion(checkpoint, index, readLog), checkpoint: text }),
    ...(anchors.length > 0 && { anchors }),
  };
}

/** Leaf hashes of a batch one by one. */
export function splitHashes(joined: Uint8Array): Uint8Array[] {
  return Array.from({ length: joined.length / 32 }, (_, i) => joined.subarray(32 * i, 32 * i + 32));
}
