/**
 * Genuine receipts from real parts, the same on every run: an agent, a service and a log with fixed keys, a batch of the
 * leaves given, and a log in which the batch stands among other entries.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import {
  type BatchHeader,
  batchRoot,
  compareLeaves,
  leafSalt,
  NO_BATCH,
  type Segment,
  type SignedHeader,
  sameSegment,
  segmentHashes,
  signHeader,
} from '../../protocol/batch.ts';
import { decodeHex, encodeUtf8 } from '../../protocol/bytes.ts';
import { signCheckpoint } from '../../protocol/checkpoint.ts';
import { commitmentOf } from '../../protocol/commitment.ts';
import type { Signer } from '../../protocol/cose.ts';
import { addSignatures, cosign, cosignerOf } from '../../protocol/cosignature.ts';
import { publicKeyOf, signEd25519 } from '../../protocol/ed25519.ts';
import { signEnrolment } from '../../protocol/enrolment.ts';
import type { Carrier } from '../../protocol/gatt/measured-vital.ts';
import { readingsOf } from '../../protocol/gatt/readings.ts';
import { deviceHandle, thumbprint } from '../../protocol/keys.ts';
import { encodeLeaf, type Leaf, type ReadingLeaf } from '../../protocol/leaf.ts';
import { hashLeaf, inclusionProof, rootOf } from '../../protocol/merkle.ts';
import { encodeReceipt, type Receipt } from '../../protocol/receipt.ts';
import { qualityOf } from '../../protocol/recheck.ts';
import { type NoteSigner, noteKeyOf, noteSignerOf, parseNote } from '../../protocol/signed-note.ts';
import { wallClockToInstant } from '../../protocol/time.ts';
import { encodeTlogProof, parseTlogProof } from '../../protocol/tlog-proof.ts';
import type { Trust } from '../../protocol/trust.ts';

/** 32 octets of the same value: a seed that nobody takes for a real one. */
export function seedOf(fill: number): Uint8Array {
  return new Uint8Array(32).fill(fill);
}

/** A key for tests. */
export function signerOf(fill: number): Signer {
  const seed = seedOf(fill);
  return { publicKey: publicKeyOf(seed), sign: (message) => signEd25519(seed, message) };
}

/** Who takes part. */
export interface Parties {
  readonly agent: Signer;
  readonly service: Signer;
  readonly log: NoteSigner;
}

export const PARTIES: Parties = {
  agent: signerOf(1),
  service: signerOf(2),
  log: noteSignerOf('log.example/veravita', seedOf(3)),
};

/** A patient's first key, and what follows from it. */
export const PATIENT = signerOf(4);
export const SUBJECT = thumbprint(PATIENT.publicKey);
export const DEVICE = deviceHandle(SUBJECT, 'random', 'C0:FF:EE:00:00:01');

/** 2026-03-01T08:00:00Z */
export const HEARD_AT = Date.UTC(2026, 2, 1, 8);

/** One characteristic value, as hex, and when and where it was heard. */
export interface Heard {
  readonly characteristic: number;
  readonly hex: string;
  readonly sessionStart?: string;
  readonly profile?: string;
  readonly companion?: string;
  readonly feature?: string;
  readonly carrier?: Carrier;
  readonly heardAt?: number;
  readonly zoneMin?: number;
  readonly test?: boolean;
}

/** The leaves that an honest agent makes of a value. */
export function readingLeaves({ characteristic, hex, sessionStart, profile, carrier, ...rest }: Heard): ReadingLeaf[] {
  const { heardAt = HEARD_AT, zoneMin: here = 60, test = true } = rest;
  const context = sessionStart === undefined ? {} : { sessionStart: decodeHex(sessionStart) };
  const known = {
    ...context,
    ...(profile !== undefined && { profile }),
    ...(rest.companion !== undefined && { companion: decodeHex(rest.companion) }),
    ...(rest.feature !== undefined && { feature: decodeHex(rest.feature) }),
    ...(carrier !== undefined && { carrier }),
  };
  return readingsOf(characteristic, decodeHex(hex), known).map((measured): ReadingLeaf => {
    const { vital, value, components, unit, deviceClock, raw } = measured;
    const zoneMin = measured.zoneMin ?? here;
    return {
      kind: 'reading',
      subject: SUBJECT,
      device: DEVICE,
      vital,
      unit,
      raw,
      characteristic,
      ...context,
      ...(measured.profile !== undefined && { profile: measured.profile }),
      ...(measured.companion && { companion: measured.companion }),
      ...(measured.feature && { feature: measured.feature }),
      ...(carrier !== undefined && { carrier }),
      ...(value !== undefined && { value }),
      ...(components && { components }),
      ...(deviceClock !== undefined
        ? { deviceClock, measuredBy: 'device', measuredAt: wallClockToInstant(deviceClock, zoneMin) }
        : { measuredBy: 'gateway', measuredAt: heardAt }),
      heardAt,
      zoneMin,
      flags: qualityOf(measured),
      test: test || measured.isTest === true,
      ordinal: 0,
    };
  });
}

/** Leaves of all kinds but the readings, so that a batch is not uniform. */
export const OTHER_LEAVES: readonly Leaf[] = [
  {
    kind: 'coverage',
    subject: SUBJECT,
    device: DEVICE,
    from: HEARD_AT - 60_000,
    to: HEARD_AT,
    state: 'received',
    test: true,
  },
  {
    kind: 'clock',
    subject: SUBJECT,
    device: DEVICE,
    deviceClock: '2026-03-01T09:00:04',
    heardAt: HEARD_AT,
    test: true,
  },
  {
    kind: 'device',
    subject: SUBJECT,
    device: DEVICE,
    heardAt: HEARD_AT - 60_000,
    address: 'c0:ff:ee:00:00:01',
    addressType: 'random',
    link: 'unbonded',
    manufacturer: 'Example',
    test: true,
  },
];

/** A batch, its leaves sorted, cut and salted as the format asks. */
export interface BuiltBatch {
  readonly leaves: readonly Leaf[];
  readonly segments: readonly Segment[];
  readonly leafHashes: readonly Uint8Array[];
  readonly signed: SignedHeader;
}

/** Builds and signs; `changes` makes another header of the same leaves. */
export function buildBatch(leaves: readonly Leaf[], agent: Signer, changes: Partial<BatchHeader> = {}): BuiltBatch {
  const sorted = leaves.toSorted(compareLeaves);
  const segments: (Segment & { bodies: Uint8Array[] })[] = [];
  for (const [start, leaf] of sorted.entries()) {
    const before = sorted[start - 1];
    if (before && sameSegment(before, leaf)) segments.at(-1)!.bodies.push(encodeLeaf(leaf));
    else segments.push({ key: sha256(encodeLeaf(leaf)), start, bodies: [encodeLeaf(leaf)] }); // a real key is random
  }
  const header: BatchHeader = {
    agent: thumbprint(agent.publicKey),
    boot: new Uint8Array(16).fill(9),
    sequence: 1,
    previous: NO_BATCH,
    openedAt: HEARD_AT - 60_000,
    closedAt: HEARD_AT + 60_000,
    leafCount: sorted.length,
    root: batchRoot(segments),
    ...changes,
  };
  return { leaves: sorted, segments, leafHashes: segments.flatMap(segmentHashes), signed: signHeader(header, agent) };
}

/** Entries around the batch's in the log. */
export const LOG_SIZE = 11;
export const LOG_INDEX = 6;

/** Leaf hashes of the log in which an entry stands at {@link LOG_INDEX}. */
export function logHashes(entry: Uint8Array): Uint8Array[] {
  const entries: Uint8Array[] = Array.from({ length: LOG_SIZE }, (_, i) => sha256(encodeUtf8(`entry ${i}`)));
  entries[LOG_INDEX] = entry;
  return entries.map((each) => hashLeaf(each));
}

/** C2SP tlog-proof that an entry stands at {@link LOG_INDEX}. */
export function buildLogProof(entry: Uint8Array, log: NoteSigner): string {
  const hashes = logHashes(entry);
  const checkpoint = signCheckpoint({ origin: log.name, size: LOG_SIZE, root: rootOf(hashes) }, [log]);
  return encodeTlogProof({ index: LOG_INDEX, proof: inclusionProof(hashes, LOG_INDEX), checkpoint });
}

/** Receipt of the leaf at an index of a batch. */
export function receiptOf(batch: BuiltBatch, index: number, parties: Parties = PARTIES): Receipt {
  const segment = batch.segments.findLast(({ start }) => start <= index)!;
  return {
    index,
    salt: leafSalt(segment.key, index),
    body: segment.bodies[index - segment.start]!,
    path: inclusionProof(batch.leafHashes, index),
    header: batch.signed.signed,
    enrolment: signEnrolment(parties.agent.publicKey, HEARD_AT - 3_600_000, parties.service),
    logProof: buildLogProof(commitmentOf('batch', batch.signed.id), parties.log),
  };
}

/** What a reader who knows the parties trusts. */
export function trustIn({ log, service }: Parties): Trust {
  return { log: noteKeyOf(log.name, log.publicKey), service: service.publicKey };
}

/** Three witnesses of the log. */
export const WITNESSES = [31, 32, 33].map((fill) => cosignerOf(`w${fill}.example/witness`, seedOf(fill)));

/** The receipt after some witnesses have cosigned its checkpoint. */
export function cosignReceipt(receipt: Receipt, witnesses = WITNESSES, at = HEARD_AT / 1000 + 180): Receipt {
  const proof = parseTlogProof(receipt.logProof);
  const note = parseNote(proof.checkpoint);
  const lines = witnesses.map((witness) => cosign(note.text, witness, at));
  return { ...receipt, logProof: encodeTlogProof({ ...proof, checkpoint: addSignatures(note, lines) }) };
}

/** What a reader trusts who asks for witnesses too. */
export function trustWitnesses(quorum: number, parties: Parties = PARTIES): Trust {
  const keys = WITNESSES.map(({ sign, ...key }) => key);
  return { ...trustIn(parties), witnesses: { keys, quorum } };
}

/** Receipt of the first leaf given, in a batch with the others. */
export function buildReceipt(leaves: readonly [ReadingLeaf, ...Leaf[]], parties: Parties = PARTIES): Receipt {
  const batch = buildBatch(leaves, parties.agent);
  return receiptOf(batch, batch.leaves.indexOf(leaves[0]), parties);
}

/** Text of a genuine receipt of the first reading in the value, among other leaves. */
export function buildReceiptText(heard: Heard, parties: Parties = PARTIES): string {
  const [first, ...more] = readingLeaves(heard);
  return encodeReceipt(buildReceipt([first!, ...more, ...OTHER_LEAVES], parties));
}
