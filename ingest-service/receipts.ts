/** Receipts: what a stranger needs to check one reading, gathered from the record and the public files of the log. */

import { readHeader } from '../protocol/batch.ts';
import { decodeUtf8 } from '../protocol/bytes.ts';
import { openCheckpoint, parseCheckpoint } from '../protocol/checkpoint.ts';
import { commitmentOf } from '../protocol/commitment.ts';
import { Fault } from '../protocol/fault.ts';
import { type AgentId, encodeId } from '../protocol/keys.ts';
import { buildTree, inclusionProofIn, type Tree } from '../protocol/merkle.ts';
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
export async function receiptFor(sources: ReceiptSources, reading: FiledReading): Promise<Receipt> {
  for await (const receipt of receiptsFor(sources, [reading])) return receipt;
  throw new Fault('inconsistent', 'no receipt of a reading');
}

/**
 * Receipts of readings in their order, all by one checkpoint. What those of a batch have in common is made once, so
 * neighbors cost little. Throws as {@link receiptFor}.
 */
export async function* receiptsFor(sources: ReceiptSources, readings: Iterable<FiledReading>): AsyncGenerator<Receipt> {
  const frozen = { ...sources, readLog: readOnce(sources.readLog) };
  const batches = new Map<string, BatchReceipts>();
  for (const reading of readings) {
    const batch = batches.get(reading.batch) ?? (await openBatch(frozen, reading.batch));
    batches.set(reading.batch, batch);
    const { index, salt, body, correction } = reading;
    const supersession = correction && (await supersessionOf(frozen, reading));
    const path = inclusionProofIn(batch.tree, index);
    yield { index, salt, body, path, ...batch.shared, ...(supersession && { supersession }) };
  }
}

/** What the receipts of a batch have in common. */
interface BatchReceipts {
  readonly tree: Tree;
  readonly shared: Pick<Receipt, 'header' | 'enrolment' | 'logProof' | 'keyHistory' | 'anchors'>;
}

async function openBatch(sources: ReceiptSources, id: string): Promise<BatchReceipts> {
  const { store } = sources;
  const batch = store.batches.get(id);
  if (!batch) throw new Fault('inconsistent', 'a reading without its batch');
  const agent = store.agents.get(encodeId(readHeader(batch.signedHeader).header.agent));
  if (!agent) throw new Fault('inconsistent', 'a batch without its agent');
  const logProof = await proveLogged(sources, batch.commitment);
  const { index, checkpoint } = parseTlogProof(logProof);
  const { size } = parseCheckpoint(parseNote(checkpoint).text);
  const anchors = await anchorsOf(sources.readLog, index);
  const keyHistory = await keyHistoryOf(sources, size, agent.id, id);
  const { signedHeader: header } = batch;
  return {
    tree: buildTree(splitHashes(batch.leafHashes)),
    shared: {
      ...{ header, enrolment: agent.enrolment, logProof },
      ...(keyHistory.length > 0 && { keyHistory }),
      ...(anchors.length > 0 && { anchors }),
    },
  };
}

/** Each file as it was when it was first read: one checkpoint, and the tiles to it. */
function readOnce(readLog: ReadTile): ReadTile {
  const files = new Map<string, ReturnType<ReadTile>>();
  return (path) => {
    const known = files.get(path) ?? readLog(path);
    files.set(path, known);
    return known;
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
