/**
 * From leaves to a sealed batch: sorted, salted, hashed into one tree, signed, deflated and encrypted to the service.
 * Nothing here is stored or sent, so a batch that was sealed and then forgotten in a crash never existed.
 */
import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import {
  type BatchHeader,
  batchRoot,
  compareLeaves,
  ENVELOPE_INFO,
  MAX_LEAVES,
  type Segment,
  type SignedHeader,
  sameSegment,
  signHeader,
} from '../protocol/batch.ts';
import type { Signer } from '../protocol/cose.ts';
import {
  encodeContent,
  encodeEnvelope,
  envelopeAad,
  hpkeKeyId,
  MAX_ENVELOPE_OCTETS,
  MAX_PLAINTEXT_OCTETS,
} from '../protocol/envelope.ts';
import { Fault } from '../protocol/fault.ts';
import { decodeLeaf, type Leaf } from '../protocol/leaf.ts';
import type { Instant } from '../protocol/time.ts';
import { addTallies, type EncodedLeaf, type SpokenOf } from './tally.ts';

/** Encrypts content of one agent to the service's HPKE key (RFC 9180, base mode); returns the whole envelope. */
export type SealContent = (plaintext: Uint8Array, agent: Uint8Array) => Promise<Uint8Array>;

/** `hpkePublicKey`: X25519, 32 octets. Throws `malformed` when it is none. */
export async function createContentSealer(hpkePublicKey: Uint8Array): Promise<SealContent> {
  const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
  const keyId = hpkeKeyId(hpkePublicKey);
  const recipientPublicKey = await suite.kem.deserializePublicKey(hpkePublicKey).catch(() => {
    throw new Fault('malformed', 'not an X25519 key');
  });
  return async (plaintext, agent) => {
    const aad = envelopeAad({ keyId, agent });
    const { enc, ct } = await suite.seal({ recipientPublicKey, info: ENVELOPE_INFO }, plaintext, aad);
    return encodeEnvelope({ keyId, agent, encapsulated: new Uint8Array(enc), ciphertext: new Uint8Array(ct) });
  };
}

export interface SealDeps {
  readonly signer: Signer;
  readonly sealContent: SealContent;
  readonly spokenOf: SpokenOf;
}

/** Place of a batch in its agent's history. */
export type BatchPlace = Pick<BatchHeader, 'agent' | 'boot' | 'sequence' | 'previous'>;

/** A batch that is ready for the outbox. */
export interface SealedBatch extends SignedHeader {
  readonly envelope: Uint8Array;
  /** Whom it speaks of. */
  readonly subjects: readonly Uint8Array[];
}

/**
 * Seals encoded leaves, at least one, given in the order in which they were heard, with a tally for each subject.
 * Throws `too-large` when they do not fit into one envelope: seal fewer.
 */
export async function sealBatch(
  bodies: readonly Uint8Array[],
  place: BatchPlace,
  { signer, sealContent, spokenOf }: SealDeps,
): Promise<SealedBatch> {
  const heard = sortLeaves(bodies.map((body) => ({ leaf: decodeLeaf(body), body })));
  const { leaves, subjects } = addTallies(heard, spokenOf);
  if (leaves.length > MAX_LEAVES) throw new Fault('too-large', `more than ${MAX_LEAVES} leaves`);
  const segments = cutSegments(sortLeaves(leaves));
  const times = leaves.map(({ leaf }) => heardSpan(leaf));
  const header: BatchHeader = {
    ...place,
    openedAt: times.reduce((first, { from }) => Math.min(first, from), Number.POSITIVE_INFINITY),
    closedAt: times.reduce((last, { to }) => Math.max(last, to), Number.NEGATIVE_INFINITY),
    leafCount: leaves.length,
    root: batchRoot(segments),
  };
  const signed = signHeader(header, signer);
  const content = encodeContent({ signedHeader: signed.signed, segments });
  if (content.length > MAX_PLAINTEXT_OCTETS) throw new Fault('too-large', 'plaintext over its limit');
  const envelope = await sealContent(deflateRawSync(content), place.agent);
  if (envelope.length > MAX_ENVELOPE_OCTETS) throw new Fault('too-large', 'envelope over its limit');
  return { ...signed, envelope, subjects };
}

/** Leaves in the order of the tree. */
function sortLeaves(leaves: readonly EncodedLeaf[]): EncodedLeaf[] {
  return leaves.toSorted((a, b) => compareLeaves(a.leaf, b.leaf));
}

/** Sorted leaves, cut where patient, kind or vital sign changes, each part under a new salt key. */
function cutSegments(sorted: readonly EncodedLeaf[]): Segment[] {
  const segments: (Segment & { bodies: Uint8Array[] })[] = [];
  let before: Leaf | undefined;
  for (const [index, { leaf, body }] of sorted.entries()) {
    if (before && sameSegment(before, leaf)) segments.at(-1)!.bodies.push(body);
    else segments.push({ key: new Uint8Array(randomBytes(32)), start: index, bodies: [body] });
    before = leaf;
  }
  return segments;
}

/** The gateway's time that a leaf speaks for; a device's own clock may be anywhere. */
function heardSpan(leaf: Leaf): { from: Instant; to: Instant } {
  if (leaf.kind === 'coverage') return leaf;
  const at = leaf.kind === 'correction' ? leaf.correctedAt : leaf.heardAt;
  return { from: at, to: at };
}
