/** Receipts: what a stranger needs to check one reading, gathered from the record and the public files of the log. */

import { readHeader } from '../protocol/batch.ts';
import { decodeUtf8 } from '../protocol/bytes.ts';
import { openCheckpoint } from '../protocol/checkpoint.ts';
import { Fault } from '../protocol/fault.ts';
import { type AgentId, encodeId } from '../protocol/keys.ts';
import { inclusionProof } from '../protocol/merkle.ts';
import type { ProvenKeyEvent, Receipt } from '../protocol/receipt.ts';
import type { NoteKey } from '../protocol/signed-note.ts';
import { encodeTlogProof } from '../protocol/tlog-proof.ts';
import { proveInclusion, type ReadTile } from '../protocol/tlog-tiles.ts';
import type { StoredKeyEvent } from './record/key-events.ts';
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
  const prove = async (at: number) =>
    encodeTlogProof({ index: at, proof: await proveInclusion(checkpoint, at, readLog), checkpoint: text });
  const keyHistory: ProvenKeyEvent[] = [];
  for (const { signed, commitment } of keyEventsOf(store, agent.id, batch.id)) {
    const place = store.commitments.logIndex(commitment);
    // What no checkpoint covers yet is behind the batch; it takes effect by its place.
    if (place !== undefined && place < checkpoint.size)
      keyHistory.push({ event: signed, logProof: await prove(place) });
  }
  return {
    index: reading.index,
    salt: reading.salt,
    body: reading.body,
    path: inclusionProof(splitHashes(batch.leafHashes), reading.index),
    header: batch.signedHeader,
    enrolment: agent.enrolment,
    logProof: await prove(index),
    ...(keyHistory.length > 0 && { keyHistory }),
  };
}

/** Rotations that led to the agent's key, the first one first, then what became of that key. */
function keyEventsOf({ keyEvents }: RecordStore, agent: AgentId, batch: string): StoredKeyEvent[] {
  const line = keyEvents.lineOf(agent).toReversed();
  const before = line.flatMap((name) => keyEvents.predecessorOf(name)?.event ?? []);
  const after = [keyEvents.rotationOf(agent), keyEvents.revocationOf(agent), keyEvents.admissionOf(agent, batch)];
  return [...before, ...after.filter((event) => event !== undefined)];
}

/** Leaf hashes of a batch one by one. */
export function splitHashes(joined: Uint8Array): Uint8Array[] {
  return Array.from({ length: joined.length / 32 }, (_, i) => joined.subarray(32 * i, 32 * i + 32));
}
