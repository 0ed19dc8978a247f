/** Files one held batch: consent decision, doubles, segments, latest values and the commitment in one transaction. */
import { readHeader } from '../protocol/batch.ts';
import { equalBytes } from '../protocol/bytes.ts';
import { commitmentOf } from '../protocol/commitment.ts';
import { type AgentId, encodeId } from '../protocol/keys.ts';
import { decodeLeaf } from '../protocol/leaf.ts';
import { isResult, isTimeKnown } from '../protocol/newest-value.ts';
import type { Instant } from '../protocol/time.ts';
import { askForEachDevice, mayKeep } from './consent/collect.ts';
import type { AgentCorrection, Correcting } from './correcting.ts';
import type { HeldBatch, HeldSegment } from './inbox.ts';
import type { Patient } from './record/patients.ts';
import type { RecordStore } from './record/record-sqlite.ts';
import { asReading, type FiledReading, type KeptLeaf } from './record/segments.ts';

/** What became of a batch. */
export interface Filing {
  readonly batch: string;
  readonly agent: string;
  readonly filed: readonly { readonly patient: Patient; readonly reading: FiledReading }[];
  /** Readings that were in the record before. */
  readonly doubles: number;
  /** Leaves that the gate let through but consent no longer allows. */
  readonly withheld: number;
  /** Patients of whom a reading was corrected, once for each correction. */
  readonly corrected: readonly Patient[];
  /** It takes the place of one that the disk altered in the inbox. */
  readonly recovered: boolean;
}

/**
 * Idempotent: a batch that is in the record already is left alone, and `undefined` comes back. Nothing is filed of a key
 * that is `revoked`, unless people admitted the batch: its entry would stand behind the revocation in the log.
 */
export function fileBatch(
  store: RecordStore,
  held: HeldBatch,
  now: Instant,
  correcting?: Pick<Correcting, 'byAgent'>,
): Filing | 'revoked' | undefined {
  const { header, id } = readHeader(held.signedHeader);
  const batch = encodeId(id);
  const agent = encodeId(header.agent) as AgentId;
  const commitment = commitmentOf('batch', id);

  return store.transaction(() => {
    if (store.batches.leafHashes(batch)) return undefined;
    if (store.keyEvents.revocationOf(agent) && !store.keyEvents.admissionOf(agent, batch)) return 'revoked';
    const filed: { patient: Patient; reading: FiledReading }[] = [];
    const corrections: AgentCorrection[] = [];
    let doubles = 0;
    let withheld = 0;
    // What is kept of a patient's readings shows in the record itself: what is neither there nor counted here is missing.
    const counts = new Map<Patient, { doubles: number; withheld: number }>();
    for (const segment of held.segments) {
      const sorted = sortOut(store, agent, segment, now);
      doubles += sorted.doubles;
      withheld += sorted.withheld;
      const { patient, leaves } = sorted;
      if (!patient) continue;
      const count = counts.get(patient) ?? { doubles: 0, withheld: withheldAtGate(held, patient) };
      counts.set(patient, count);
      count.doubles += sorted.doubles;
      count.withheld += sorted.withheldReadings;
      if (leaves.length === 0) continue;
      const whole = leaves.length === segment.leaves.length && segment.saltKey;
      store.segments.insert(patient, batch, { leaves, ...(whole && { saltKey: whole }) });
      for (const kept of leaves) {
        noteLatest(store, patient, batch, kept);
        if (kept.leaf.kind === 'correction') corrections.push({ patient, body: kept.body });
        if (kept.leaf.kind === 'reading') filed.push({ patient, reading: asReading(batch, kept) });
      }
    }
    store.batches.insert({
      id: batch,
      agent,
      sequence: header.sequence,
      signedHeader: held.signedHeader,
      leafHashes: held.leafHashes,
      withheld: held.withheld + withheld,
      receivedAt: held.receivedAt,
      filedAt: now,
      commitment,
    });
    for (const [{ id }, count] of counts) store.batches.noteCounts(batch, id, count);
    store.commitments.add(commitment);
    const recovered = store.unreadable.settle(agent, header.sequence);
    // Last, because what is corrected may be in the same batch.
    const corrected = correcting?.byAgent(agent, corrections) ?? [];
    return { batch, agent, filed, doubles, withheld, corrected, recovered };
  });
}

function withheldAtGate({ withheldReadings }: HeldBatch, { subject: own }: Patient): number {
  return withheldReadings.find(({ subject }) => equalBytes(subject, own))?.count ?? 0;
}

/** The leaves of a segment that are filed: consent in force now, the device not unpaired, and no reading that is there already. */
function sortOut(store: RecordStore, agent: string, segment: HeldSegment, now: Instant) {
  const all = segment.leaves.map((held): KeptLeaf => ({ ...held, leaf: decodeLeaf(held.body) }));
  const patient = store.patients.bySubject(all[0]!.leaf.subject);
  if (!patient) return { patient, leaves: [], doubles: 0, withheld: all.length, withheldReadings: 0 };
  const consent = store.consents.state(patient);
  const isUnpaired = askForEachDevice((device) => store.agents.isUnpaired(agent, patient.id, device));
  const { true: permitted = [], false: refused = [] } = Object.groupBy(all, ({ leaf }) =>
    String(mayKeep(consent, leaf, now, () => isUnpaired(leaf.device))),
  );
  const leaves = permitted.filter(({ leaf }) => leaf.kind !== 'reading' || store.filedKeys.claim(patient, leaf));
  return {
    patient,
    leaves,
    doubles: permitted.length - leaves.length,
    withheld: refused.length,
    withheldReadings: refused.filter(({ leaf }) => leaf.kind === 'reading').length,
  };
}

function noteLatest(store: RecordStore, patient: Patient, batch: string, { index, leaf, ...kept }: KeptLeaf): void {
  if (leaf.kind === 'reading') {
    const { vital, device, measuredAt, flags } = leaf;
    if (!isResult(flags)) return;
    const { id } = asReading(batch, { index, leaf, ...kept });
    store.latest.noteReading(patient.id, { vital, device, measuredAt, reading: id }, isTimeKnown(leaf));
  } else if (leaf.kind === 'device') {
    store.latest.noteDevice(patient.id, { handle: leaf.device, batch, leaf: index, heardAt: leaf.heardAt });
  }
}
