/** Receipts: what a stranger needs to check one reading, gathered from the record and the public files of the log. */

import { readHeader } from '../protocol/batch.ts';
import { decodeUtf8 } from '../protocol/bytes.ts';
import { openCheckpoint, parseCheckpoint } from '../protocol/checkpoint.ts';
import { commitmentOf } from '../protocol/commitment.ts';
import { Fault } from '../protocol/fault.ts';
import { type AgentId, encodeId } from '../protocol/keys.ts';
import { inclusionProof } from '../protocol/merkle.ts';
import type { ProvenKeyEvent, Receipt } from '../protocol/receipt.ts';
import { type NoteKey, parseNote } from '../protocol/signed-note.ts';
import type { LoggedSupersession } from '../protocol/supersession.ts';
import { encodeTlogProof, parseTlogProof } from '../protocol/tlog-proof.ts';
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
export async function receiptFor(given: ReceiptSources, reading: FiledReading): Promise<Receipt> {
  const { store } = given;
  // One checkpoint for all that is proven: places in the log are compared within it.
  const note = await given.readLog('checkpoint');
  const readLog: ReadTile = async (path) => (path === 'checkpoint' ? note : given.readLog(path));
  const sources: ReceiptSources = { ...given, readLog };
  const batch = store.batches.get(reading.batch);
  if (!batch) throw new Fault('inconsistent', 'a reading without its batch');
  const agent = store.agents.get(encodeId(readHeader(batch.signedHeader).header.agent));
  if (!agent) throw new Fault('inconsistent', 'a batch without its agent');
  const logProof = await proveLogged(sources, batch.commitment);
  const { index: logIndex, checkpoint } = parseTlogProof(logProof);
  const { size } = parseCheckpoint(parseNote(checkpoint).text);
  const anchors = await anchorsOf(sources.readLog, logIndex);
  const keyHistory = await keyHistoryOf(sources, size, agent.id, batch.id);
  return {
    index: reading.index,
    salt: reading.salt,
    body: reading.body,
    path: inclusionProof(splitHashes(batch.leafHashes), reading.index),
    header: batch.signedHeader,
    enrolment: agent.enrolment,
    logProof,
    ...(keyHistory.length > 0 && { keyHistory }),
    ...(reading.correction && { supersession: await supersessionOf(sources, reading) }),
    ...(anchors.length > 0 && { anchors }),
  };
}

/** The newest correction of a reading, with its proof. Throws `not-found`; `missing` (retry later) as {@link proveLogged}. */
export async function supersessionOf(
  sources: ReceiptSources,
  { leaf, batch, index }: FiledReading,
): Promise<LoggedSupersession> {
  const patient = sources.store.patients.bySubject(leaf.subject);
  const kept = patient && sources.store.corrections.ofReading(patient, batch, index).at(-1);
  if (!kept) throw new Fault('not-found', 'no such correction');
  return { statement: kept.statement, logProof: await proveLogged(sources, commitmentOf('supersession', kept.id)) };
}

/** C2SP tlog-proof of a commitment. Throws `missing` (retry later) while no signed checkpoint covers it. */
export async function proveLogged({ store, readLog, logKey }: ReceiptSources, commitment: Uint8Array): Promise<string> {
  const index = store.commitments.logIndex(commitment);
  const note = await readLog('checkpoint');
  if (index === undefined || !note) throw new Fault('missing', 'not in a signed checkpoint yet', 'later');
  const text = decodeUtf8(note);
  const { checkpoint } = openCheckpoint(text, [logKey], logKey.name);
  return encodeTlogProof({ index, proof: await proveInclusion(checkpoint, index, readLog), checkpoint: text });
}

/** What became of the agent's keys, each event with its proof; what no checkpoint covers yet is left out. */
async function keyHistoryOf(
  sources: ReceiptSources,
  size: number,
  agent: AgentId,
  batch: string,
): Promise<ProvenKeyEvent[]> {
  const { keyEvents, commitments } = sources.store;
  const line = keyEvents.lineOf(agent).toReversed();
  const before = line.flatMap((name) => keyEvents.predecessorOf(name)?.event ?? []);
  const after = [keyEvents.rotationOf(agent), keyEvents.revocationOf(agent), keyEvents.admissionOf(agent, batch)];
  const events = [...before, ...after.filter((event) => event !== undefined)];
  const logged = events.filter(({ commitment }) => (commitments.logIndex(commitment) ?? size) < size);
  return Promise.all(
    logged.map(async ({ signed, commitment }) => ({ event: signed, logProof: await proveLogged(sources, commitment) })),
  );
}

/** Leaf hashes of a batch one by one. */
export function splitHashes(joined: Uint8Array): Uint8Array[] {
  return Array.from({ length: joined.length / 32 }, (_, i) => joined.subarray(32 * i, 32 * i + 32));
}
