/** Certificates of coverage, gathered from the record and the public files of the log, as they are: what is gone shows. */
import { type BatchHeader, readHeader } from '../protocol/batch.ts';
import { decodeUtf8, equalBytes } from '../protocol/bytes.ts';
import { openCheckpoint } from '../protocol/checkpoint.ts';
import { commitmentOf } from '../protocol/commitment.ts';
import type {
  CertifiedAgent,
  CertifiedBatch,
  CertifiedKeyEvent,
  CertifiedPart,
  CoverageCertificate,
  Run,
} from '../protocol/coverage-certificate.ts';
import { foldAgents, proveAgent } from '../protocol/coverage-evidence.ts';
import { readEnrolment } from '../protocol/enrolment.ts';
import { Fault, isFault } from '../protocol/fault.ts';
import { readKeyEvent } from '../protocol/key-event.ts';
import { encodeId } from '../protocol/keys.ts';
import type { CoverageLeaf } from '../protocol/leaf.ts';
import { hashLeaf } from '../protocol/merkle.ts';
import { proveMany } from '../protocol/merkle-many.ts';
import type { Instant } from '../protocol/time.ts';
import { type BoundTiles, bindTiles } from '../protocol/tlog-tiles.ts';
import { type AgentLine, openAgentLine } from './agent-line.ts';
import { type ReceiptSources, splitHashes } from './receipts.ts';
import type { StoredHeader } from './record/batches.ts';
import type { StoredKeyEvent } from './record/key-events.ts';
import type { Patient } from './record/patients.ts';
import type { Quarantined } from './record/quarantine.ts';
import type { KeptLeaf } from './record/segments.ts';

export interface CoverageQuestion {
  readonly patient: Patient;
  readonly device?: Uint8Array;
  readonly from: Instant;
  readonly to: Instant;
}

/** Batches without a word of the patient that are looked at after the end of the interval. */
const MAX_STRANGE = 64;

/** Throws `missing` (retry later) while the log has no signed checkpoint. */
export async function coverageOf(
  sources: ReceiptSources,
  question: CoverageQuestion,
  issuedAt: Instant,
): Promise<CoverageCertificate> {
  const { store, readLog, logKey } = sources;
  const { patient, device, from, to } = question;
  const note = await readLog('checkpoint');
  if (!note) throw new Fault('missing', 'the log has no signed checkpoint yet', 'later');
  const checkpoint = decodeUtf8(note);
  const tiles = await bind(sources, openCheckpoint(checkpoint, [logKey], logKey.name).checkpoint);
  const agents: CertifiedAgent[] = [];
  for (const id of store.agents.agentsOf(patient.id)) {
    const enrolled = store.agents.get(id);
    if (!enrolled) continue;
    const line = openAgentLine(store, id);
    const batches: CertifiedBatch[] = [];
    const shown: { readonly id: string; readonly agent: string }[] = [];
    let last = 0;
    const show = (batch: CertifiedBatch, id: string, { agent, sequence }: BatchHeader) => {
      batches.push(batch);
      shown.push({ id, agent: encodeId(agent) });
      last = sequence;
    };
    // Nothing of it is kept; its header shows that it is no other batch that is not there.
    const showAside = ({ signedHeader: header, receivedAt, batch }: Quarantined) =>
      show({ header, receivedAt }, batch, readHeader(header).header);
    for (const stored of chainOf(sources, line, question)) {
      const { id: batch, header } = readHeader(stored.signedHeader);
      if (last > 0) for (const aside of line.asideBetween(last, stored.sequence)) showAside(aside);
      const place = await placeIn(tiles, store.batches.logIndex(stored.id), commitmentOf('batch', batch));
      show({ ...certify(sources, patient, stored), ...place }, stored.id, header);
    }
    if (!batches.some(({ part }) => part)) continue;
    if (last === line.ends()?.newest) for (const aside of line.asideAfter(last)) showAside(aside);
    const awaited = line.awaited();
    const keyEvents = await placeEvents(sources, line.keyEventsUpTo(last, shown), tiles);
    agents.push({ enrolment: enrolled.enrolment, batches, ...(awaited !== undefined && { awaited }), keyEvents });
  }
  const entries = agents.flatMap(({ batches, keyEvents }) =>
    [...batches, ...keyEvents].map(({ logIndex }) => logIndex),
  );
  const rising = entries.filter((index) => index !== undefined).toSorted((a, b) => a - b);
  const proof = tiles && rising.length > 0 ? await tiles.proveMany(rising) : [];
  const head = { subject: patient.subject, from, to, ...(device && { device }) };
  return {
    ...head,
    issuedAt,
    checkpoint,
    proof,
    agents,
    devices: fold(agents, head),
  };
}

/** The intervals, as whoever checks the certificate will find them. Signatures were checked when the batches came. */
function fold(
  agents: readonly CertifiedAgent[],
  asked: Pick<CoverageCertificate, 'subject' | 'from' | 'to' | 'device'>,
) {
  const proven = agents.map((agent) => {
    const events = agent.keyEvents.map(({ event, ...place }) => ({ event: readKeyEvent(event), ...place }));
    return proveAgent(agent, readEnrolment(agent.enrolment).agentKey, events, asked, () => true);
  });
  return foldAgents(proven, asked);
}

function placeEvents(
  { store }: ReceiptSources,
  events: readonly StoredKeyEvent[],
  tiles: BoundTiles | undefined,
): Promise<CertifiedKeyEvent[]> {
  return Promise.all(
    events.map(async ({ signed: event, commitment }) => {
      return { event, ...(await placeIn(tiles, store.commitments.logIndex(commitment), commitment)) };
    }),
  );
}

async function bind(
  { readLog }: ReceiptSources,
  head: { size: number; root: Uint8Array },
): Promise<BoundTiles | undefined> {
  try {
    return await bindTiles(head, readLog);
  } catch (error) {
    // Without its tiles the log proves nothing; the certificate says so.
    if (isFault(error, 'missing') || isFault(error, 'inconsistent')) return undefined;
    throw error;
  }
}

/** Where the log has it; empty when it does not, whatever the record says. */
async function placeIn(
  tiles: BoundTiles | undefined,
  index: number | undefined,
  commitment: Uint8Array,
): Promise<{ readonly logIndex?: number }> {
  if (index === undefined || !tiles || index >= tiles.head.size) return {};
  try {
    return equalBytes(await tiles.leafHash(index), hashLeaf(commitment)) ? { logIndex: index } : {};
  } catch (error) {
    if (isFault(error, 'missing') || isFault(error, 'inconsistent')) return {};
    throw error;
  }
}

/**
 * Batches of an agent by sequence: from the last that spoke of the patient before the interval to the last that may speak
 * of it. An agent's clock is taken to go forward; where it was set back, more may be needed, and the certificate is red.
 */
function* chainOf(
  sources: ReceiptSources,
  line: AgentLine,
  { patient, from, to }: CoverageQuestion,
): Generator<StoredHeader> {
  let strange = 0;
  let shownTo = to;
  let next = line.firstFrom(startOf(sources, line, patient, from));
  while (next) {
    const { header } = readHeader(next.signedHeader);
    const leaves = coverageIn(sources, patient, next.id).flatMap(({ leaf }) => (isSpan(leaf) ? [leaf] : []));
    if (leaves.length > 0 && leaves.every((leaf) => leaf.from >= to)) {
      // A revocation names a batch that is behind: this one shows that none is hidden from here to the end.
      if (line.isRevoked() && shownTo < to) yield next;
      return;
    }
    strange = header.openedAt >= to && leaves.length === 0 ? strange + 1 : 0;
    if (strange > MAX_STRANGE) return;
    yield next;
    shownTo = header.closedAt;
    next = line.firstFrom(next.sequence + 1);
  }
}

function isSpan(leaf: KeptLeaf['leaf']): leaf is CoverageLeaf {
  return leaf.kind === 'coverage' && leaf.to > leaf.from;
}

function startOf(sources: ReceiptSources, line: AgentLine, patient: Patient, from: Instant): number {
  const { oldest, newest } = line.ends() ?? { oldest: 1, newest: 0 };
  let low = oldest;
  let high = newest + 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    const stored = line.firstFrom(middle);
    if (stored && readHeader(stored.signedHeader).header.closedAt <= from) low = stored.sequence + 1;
    else high = middle;
  }
  // One that spoke of a time, so that every device of which it spoke is known.
  for (const sequence of line.spokenBefore(patient, low)) {
    const stored = line.firstFrom(sequence);
    if (stored && coverageIn(sources, patient, stored.id).some(({ leaf }) => isSpan(leaf))) return sequence;
  }
  return firstOf(sources, line, patient);
}

/** Sequence of the first batch that speaks of the patient: of the earliest time, and from there along the tallies. */
function firstOf(sources: ReceiptSources, line: AgentLine, patient: Patient): number {
  let sequence = line.earliestSpoken(patient) ?? 0;
  for (;;) {
    const stored = line.firstFrom(sequence);
    const leaf = stored?.sequence === sequence ? coverageIn(sources, patient, stored.id)[0]?.leaf : undefined;
    const after = leaf?.kind === 'coverage' ? (leaf.tally?.after ?? 0) : 0;
    const before = after > 0 && after < sequence ? line.firstFrom(after) : undefined;
    if (before?.sequence !== after) return sequence;
    sequence = after;
  }
}

function coverageIn({ store }: ReceiptSources, patient: Patient, batch: string): KeptLeaf[] {
  try {
    return store.segments.coverageIn(patient, batch);
  } catch (error) {
    // What does not open or does not match its hash is as good as gone.
    if (isFault(error, 'inconsistent')) return [];
    throw error;
  }
}

function certify(sources: ReceiptSources, patient: Patient, { id, signedHeader }: StoredHeader): CertifiedBatch {
  const batch = sources.store.batches.get(id);
  const part = batch && partOf(sources, patient, id, batch.leafHashes);
  return { header: signedHeader, receivedAt: batch?.receivedAt ?? 0, ...(part && { part }) };
}

function partOf(
  sources: ReceiptSources,
  patient: Patient,
  id: string,
  leafHashes: Uint8Array,
): CertifiedPart | undefined {
  const { store } = sources;
  const leaves = coverageIn(sources, patient, id);
  if (leaves.length === 0) return undefined;
  const indexes = leaves.map(({ index }) => index);
  return {
    leaves: leaves.map(({ index, salt, body }) => ({ index, salt, body })),
    proof: proveMany(splitHashes(leafHashes), indexes),
    held: runsOf(store.segments.readingsIn(patient, id)),
    ...store.batches.counts(id, patient.id),
  };
}

function runsOf(indexes: readonly number[]): Run[] {
  const runs: { start: number; count: number }[] = [];
  for (const index of indexes) {
    const last = runs.at(-1);
    if (last && index === last.start + last.count) last.count++;
    else runs.push({ start: index, count: 1 });
  }
  return runs;
}
