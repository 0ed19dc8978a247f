/**
 * One proof for many leaves of a tree: the roots of the subtrees in which none of them is. For one leaf it is the
 * inclusion proof of RFC 9162 §2.1.3.1 in another order; for neighbors, far less than a proof for each.
 */
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { Fault } from './fault.ts';
import {
  HASH_LENGTH,
  hashNode,
  inclusionRanges,
  type LeafRange,
  largestPowerBelow,
  rootOf,
  type Sha256,
} from './merkle.ts';

/**
 * The subtrees beside the leaves at these indexes, from left to right; the whole tree where there is no index. Indexes
 * ascend and differ. Throws `malformed` when they do not, `missing` for one outside the tree.
 */
export function rangesBeside(indexes: readonly number[], treeSize: number): LeafRange[] {
  assertIndexes(indexes, treeSize);
  const ranges: LeafRange[] = [];
  walk({ start: 0, end: treeSize }, indexes, 0, {
    leaf: () => undefined,
    beside: (range) => ranges.push(range),
    join: () => undefined,
  });
  return ranges;
}

/** The proof for the leaves at these indexes: see {@link rangesBeside}. */
export function proveMany(leafHashes: readonly Uint8Array[], indexes: readonly number[], sha256?: Sha256) {
  return rangesBeside(indexes, leafHashes.length).map(({ start, end }) => rootOf(leafHashes.slice(start, end), sha256));
}

/** A leaf where it is said to stand. */
export interface PlacedLeaf {
  readonly index: number;
  readonly hash: Uint8Array;
}

/**
 * The root to which leaves and proof lead. Throws `malformed` when leaves do not ascend, or the proof has another number
 * of hashes than it needs.
 */
export function rootOfMany(
  leaves: readonly PlacedLeaf[],
  treeSize: number,
  proof: readonly Uint8Array[],
  sha256?: Sha256,
): Uint8Array {
  return hashesOfMany(leaves, treeSize, proof, sha256).get(nameOf({ start: 0, end: treeSize }))!;
}

/** The RFC 9162 §2.1.3.1 inclusion proof of each of the leaves, in their order. Throws as {@link rootOfMany}. */
export function pathsOfMany(
  leaves: readonly PlacedLeaf[],
  treeSize: number,
  proof: readonly Uint8Array[],
  sha256?: Sha256,
): Uint8Array[][] {
  const hashes = hashesOfMany(leaves, treeSize, proof, sha256);
  return leaves.map(({ index }) => inclusionRanges(index, treeSize).map((range) => hashes.get(nameOf(range))!));
}

/** A leaf with its inclusion proof. */
export interface ProvenLeaf {
  readonly index: number;
  /** RFC 9162 §2.1.3.1, the sibling first. */
  readonly path: readonly Uint8Array[];
}

/** One proof out of the proofs of leaves of one tree, ascending. Throws `malformed` where one is not as long as it must be. */
export function joinProofs(leaves: readonly ProvenLeaf[], treeSize: number): Uint8Array[] {
  const known = new Map<string, Uint8Array>();
  for (const { index, path } of leaves) {
    const ranges = inclusionRanges(index, treeSize);
    if (path.length !== ranges.length) throw new Fault('malformed', 'a path that does not fit its tree');
    for (const [i, range] of ranges.entries()) known.set(nameOf(range), path[i]!);
  }
  const indexes = leaves.map(({ index }) => index);
  // Each of these is the sibling of what holds one of the leaves.
  return rangesBeside(indexes, treeSize).map((range) => known.get(nameOf(range))!);
}

/** Hash of every subtree that the leaves and the proof give, by its range. */
function hashesOfMany(
  leaves: readonly PlacedLeaf[],
  treeSize: number,
  proof: readonly Uint8Array[],
  sha256: Sha256 = nobleSha256,
): ReadonlyMap<string, Uint8Array> {
  const indexes = leaves.map(({ index }) => index);
  assertIndexes(indexes, treeSize);
  const hashes = new Map<string, Uint8Array>();
  const note = (range: LeafRange, hash: Uint8Array) => {
    hashes.set(nameOf(range), hash);
    return hash;
  };
  let used = 0;
  walk<Uint8Array>({ start: 0, end: treeSize }, indexes, 0, {
    leaf: (nth, range) => note(range, wholeHash(leaves[nth]!.hash)),
    beside: (range) => note(range, wholeHash(proof[used++])),
    join: (left, right, range) => note(range, hashNode(left, right, sha256)),
  });
  if (used !== proof.length) throw new Fault('malformed', 'a proof with more hashes than it needs');
  return hashes;
}

function nameOf({ start, end }: LeafRange): string {
  return `${start} ${end}`;
}

interface Visit<T> {
  /** The nth of the leaves. */
  leaf(nth: number, range: LeafRange): T;
  /** A subtree without any. */
  beside(range: LeafRange): T;
  join(left: T, right: T, range: LeafRange): T;
}

/** From left to right, with RFC 9162's split. `nth`: the first of the indexes that is not left of the range. */
function walk<T>(
  range: LeafRange,
  indexes: readonly number[],
  nth: number,
  visit: Visit<T>,
): { value: T; nth: number } {
  const { start, end } = range;
  const next = indexes[nth];
  if (next === undefined || next >= end) return { value: visit.beside(range), nth };
  if (end - start === 1) return { value: visit.leaf(nth, range), nth: nth + 1 };
  const middle = start + largestPowerBelow(end - start);
  const left = walk({ start, end: middle }, indexes, nth, visit);
  const right = walk({ start: middle, end }, indexes, left.nth, visit);
  return { value: visit.join(left.value, right.value, range), nth: right.nth };
}

function wholeHash(hash: Uint8Array | undefined): Uint8Array {
  if (hash?.length !== HASH_LENGTH) throw new Fault('malformed', 'a proof with fewer hashes than it needs');
  return hash;
}

function assertIndexes(indexes: readonly number[], treeSize: number): void {
  if (!Number.isSafeInteger(treeSize) || treeSize < 1) throw new Fault('malformed', 'a tree has at least one leaf');
  for (const [i, index] of indexes.entries()) {
    if (!Number.isSafeInteger(index) || index < 0 || (i > 0 && index <= indexes[i - 1]!)) {
      throw new Fault('malformed', 'leaves ascend');
    }
  }
  if ((indexes.at(-1) ?? 0) >= treeSize) throw new Fault('missing', 'no leaf at that index');
}
