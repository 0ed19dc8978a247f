/**
 * One proof for many leaves of a tree: the roots of the subtrees in which none of them is. For one leaf it is the
 * inclusion proof of RFC 9162 §2.1.3.1 in another order; for neighbors, far less than a proof for each.
 */
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { Fault } from './fault.ts';
import { HASH_LENGTH, hashNode, type LeafRange, largestPowerBelow, rootOf, type Sha256 } from './merkle.ts';

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
  sha256: Sha256 = nobleSha256,
): Uint8Array {
  const indexes = leaves.map(({ index }) => index);
  assertIndexes(indexes, treeSize);
  let used = 0;
  const root = walk<Uint8Array>({ start: 0, end: treeSize }, indexes, 0, {
    leaf: (at) => wholeHash(leaves[at]!.hash),
    beside: () => wholeHash(proof[used++]),
    join: (left, right) => hashNode(left, right, sha256),
  }).value;
  if (used !== proof.length) throw new Fault('malformed', 'a proof with more hashes than it needs');
  return root;
}

interface Visit<T> {
  /** The nth of the leaves. */
  leaf(nth: number): T;
  /** A subtree without any. */
  beside(range: LeafRange): T;
  join(left: T, right: T): T;
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
  if (end - start === 1) return { value: visit.leaf(nth), nth: nth + 1 };
  const middle = start + largestPowerBelow(end - start);
  const left = walk({ start, end: middle }, indexes, nth, visit);
  const right = walk({ start: middle, end }, indexes, left.nth, visit);
  return { value: visit.join(left.value, right.value), nth: right.nth };
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
