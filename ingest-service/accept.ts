/**
 * Is this batch authentic, whole, next in its agent's chain, and only about patients the agent may speak for? Checks run
 * from cheap to dear; what has to be parsed before a signature can be found is bounded in size, items and nesting. The
 * answer is a value; only a bug throws.
 */
import {
  type BatchHeader,
  compareLeaves,
  openHeader,
  type Segment,
  sameSegment,
  segmentHashes,
} from '../protocol/batch.ts';
import { equalBytes } from '../protocol/bytes.ts';
import type { Verify } from '../protocol/cose.ts';
import { type BatchContent, decodeContent, decodeEnvelope } from '../protocol/envelope.ts';
import { Fault, isFault } from '../protocol/fault.ts';
import { type AgentId, decodeId, encodeId } from '../protocol/keys.ts';
import { decodeLeaf, type Leaf } from '../protocol/leaf.ts';
import { rootOf, type Sha256 } from '../protocol/merkle.ts';
import { agentOfBatchesTopic } from '../protocol/topics.ts';
import type { Unsealer } from './unseal.ts';

/** Where an agent's chain stands. */
export interface ChainHead {
  /** 0 before the first batch. */
  readonly sequence: number;
  /** Id of the newest batch, 32 zero octets before the first; `undefined` where the disk altered it and nothing names it yet. */
  readonly id: Uint8Array | undefined;
}

/** What `accept` needs to know of the world. */
export interface AcceptContext {
  readonly unsealer: Unsealer;
  readonly verify: Verify;
  readonly sha256?: Sha256;
  publicKeyOf(agent: AgentId): Uint8Array | undefined;
  headOf(agent: AgentId): ChainHead;
  /** Id of the agent's accepted batch with this sequence, as far as it is known. */
  acceptedId(agent: AgentId, sequence: number): Uint8Array | undefined;
  /** That batch was accepted and is lost: the disk altered it. */
  isLost(agent: AgentId, sequence: number): boolean;
  /** A batch is lost of which nobody knows whose it was. */
  hasStray(): boolean;
  maySpeakFor(agent: AgentId, subject: Uint8Array, device: Uint8Array): boolean;
  /** The last batch that the agent's key may sign, once it was replaced. */
  lastOf(agent: AgentId): { readonly sequence: number; readonly id: Uint8Array } | undefined;
  /** The agent's key signed two histories before. */
  isFrozen(agent: AgentId): boolean;
}

/** A batch that holds in every respect. */
export interface AcceptedBatch {
  readonly agent: AgentId;
  readonly id: Uint8Array;
  readonly header: BatchHeader;
  readonly signedHeader: Uint8Array;
  readonly segments: readonly { readonly segment: Segment; readonly leaves: readonly Leaf[] }[];
  readonly leafHashes: readonly Uint8Array[];
}

interface Named {
  readonly agent?: AgentId;
  readonly id?: Uint8Array;
  readonly sequence?: number;
}

export type Acceptance =
  | { readonly outcome: 'accepted'; readonly batch: AcceptedBatch }
  | ({ readonly outcome: 'duplicate' } & Required<Named>)
  | ({
      readonly outcome: 'rejected';
      readonly fault: Fault;
      readonly expected?: number;
      /** Of a batch that is `forked`: its signed header. */
      readonly signedHeader?: Uint8Array;
    } & Named);

/** `topic` and `payload` as they arrived; the broker has checked that the publisher may use the topic. */
export async function accept(topic: string, payload: Uint8Array, context: AcceptContext): Promise<Acceptance> {
  let named: Named = {};
  let signedHeader: Uint8Array | undefined;
  try {
    const agent = agentOfBatchesTopic(topic);
    if (agent === undefined) throw new Fault('wrong-topic', 'not a batches topic');
    named = { agent };
    const publicKey = context.publicKeyOf(agent);
    if (publicKey === undefined) throw new Fault('unknown-agent', 'not enrolled');
    const envelope = decodeEnvelope(payload);
    if (!equalBytes(envelope.agent, decodeId(agent))) throw new Fault('wrong-topic', 'sealed by another agent');
    const content = decodeContent(await context.unsealer.open(envelope));
    const { header, id, signed } = openHeader(content.signedHeader, publicKey, context.verify);
    named = { agent, id, sequence: header.sequence };
    signedHeader = signed;
    if (!equalBytes(header.agent, envelope.agent)) throw new Fault('wrong-topic', 'signed for another agent');

    const place = placeInChain(agent, header, id, context);
    if (place === 'duplicate') return { outcome: 'duplicate', agent, id, sequence: header.sequence };
    const { leafHashes, segments } = rebuild(content, header, context.sha256);
    requireSubjects(agent, segments, context);
    return { outcome: 'accepted', batch: { agent, id, header, signedHeader: signed, segments, leafHashes } };
  } catch (error) {
    if (!isFault(error)) throw error;
    const expected = isFault(error, 'sequence-gap') && named.agent && context.headOf(named.agent).sequence + 1;
    const evidence = isFault(error, 'forked') && signedHeader ? { signedHeader } : {};
    return { outcome: 'rejected', fault: error, ...named, ...evidence, ...(expected && { expected }) };
  }
}

function placeInChain(
  agent: AgentId,
  header: BatchHeader,
  id: Uint8Array,
  context: AcceptContext,
): 'taken' | 'duplicate' {
  const head = context.headOf(agent);
  if (header.sequence <= head.sequence) {
    const accepted = context.acceptedId(agent, header.sequence);
    const isLost = context.isLost(agent, header.sequence);
    // One that is lost without its agent's name may have been here.
    const isOpen = isLost || (!accepted && context.hasStray());
    if (accepted ? !equalBytes(accepted, id) : !isOpen) throw new Fault('forked', 'another batch has this sequence');
    if (!isOpen) return 'duplicate';
    // What the agent still has is taken again, in its place.
    if (context.isFrozen(agent)) throw new Fault('frozen', 'the key signed two histories', 'later');
    const before = accepted ? undefined : context.acceptedId(agent, header.sequence - 1);
    if (before && !equalBytes(header.previous, before)) throw new Fault('forked', 'follows another batch');
    return 'taken';
  }
  const last = context.lastOf(agent);
  if (last && (header.sequence > last.sequence || (header.sequence === last.sequence && !equalBytes(id, last.id)))) {
    throw new Fault('forked', 'the key named another batch its last');
  }
  if (context.isFrozen(agent)) throw new Fault('frozen', 'the key signed two histories', 'later');
  // One that is lost without its agent's name may be the one before this; where it is not, that one still comes in its place.
  if (header.sequence === head.sequence + 2 && context.hasStray()) return 'taken';
  if (header.sequence > head.sequence + 1) throw new Fault('sequence-gap', 'earlier batches are missing', 'later');
  if (head.id && !equalBytes(header.previous, head.id)) throw new Fault('forked', 'follows another batch');
  return 'taken';
}

function rebuild(content: BatchContent, header: BatchHeader, sha256?: Sha256) {
  const leafHashes = content.segments.flatMap(segmentHashes);
  if (leafHashes.length !== header.leafCount) throw new Fault('wrong-root', 'leaf count differs from the header');
  if (!equalBytes(rootOf(leafHashes, sha256), header.root))
    throw new Fault('wrong-root', 'root differs from the header');
  const segments = content.segments.map((segment) => ({ segment, leaves: segment.bodies.map(readLeaf) }));
  requireOrder(segments.map(({ leaves }) => leaves));
  requireTallies(segments.flatMap(({ leaves }) => leaves));
  return { leafHashes, segments };
}

function readLeaf(body: Uint8Array): Leaf {
  try {
    return decodeLeaf(body);
  } catch (error) {
    throw isFault(error) ? new Fault('bad-leaf', `a leaf is ${error.code}`) : error;
  }
}

/** One segment per patient, kind and vital sign, and everything in order: else a segment key would salt too much. */
function requireOrder(segments: readonly (readonly Leaf[])[]): void {
  let previous: Leaf | undefined;
  for (const leaves of segments) {
    for (const [i, leaf] of leaves.entries()) {
      if (previous) {
        const joined = sameSegment(previous, leaf);
        if (joined !== i > 0 || compareLeaves(previous, leaf) > 0) throw new Fault('bad-leaf', 'leaves out of order');
      }
      previous = leaf;
    }
  }
}

/** What the agent says it holds of a patient is what it holds; an older agent says nothing. */
function requireTallies(leaves: readonly Leaf[]): void {
  const told = leaves.filter((leaf) => leaf.kind === 'coverage' && leaf.tally !== undefined);
  if (told.length === 0) return;
  for (const of of bySubject(leaves)) {
    const coverage = of.filter((leaf) => leaf.kind === 'coverage');
    const readings = of.filter(({ kind }) => kind === 'reading').length;
    for (const [i, { tally }] of coverage.entries()) {
      const holds = i === 0 ? tally?.readings === readings && tally.coverages === coverage.length : tally === undefined;
      if (!holds) throw new Fault('bad-leaf', 'a tally that is not that of the batch');
    }
    if (coverage.length === 0) throw new Fault('bad-leaf', 'a patient without a tally');
  }
}

/** Leaves of each patient; in the order of the tree they are together. */
function bySubject(leaves: readonly Leaf[]): Leaf[][] {
  const own: Leaf[][] = [];
  for (const leaf of leaves) {
    const last = own.at(-1);
    if (last && equalBytes(last[0]!.subject, leaf.subject)) last.push(leaf);
    else own.push([leaf]);
  }
  return own;
}

function requireSubjects(agent: AgentId, segments: AcceptedBatch['segments'], context: AcceptContext): void {
  const seen = new Set<string>();
  let before: Leaf | undefined;
  for (const { leaves } of segments) {
    for (const leaf of leaves) {
      const { subject, device } = leaf;
      const isSame = before && equalBytes(before.device, device) && equalBytes(before.subject, subject);
      before = leaf;
      if (isSame) continue;
      const pair = encodeId(subject) + String(device);
      if (seen.has(pair)) continue;
      seen.add(pair);
      if (!context.maySpeakFor(agent, subject, device)) {
        throw new Fault('wrong-subject', 'the agent may not speak for this device');
      }
    }
  }
}
