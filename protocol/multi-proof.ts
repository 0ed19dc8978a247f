/**
 * One inclusion proof for many leaves of one tree (RFC 9162 §2.1): the roots of the largest subtrees that hold none of
 * them, from left to right. For neighbors it is hardly longer than for one, where proofs one by one repeat themselves.
 */
import { HASH_LENGTH, hashNode, type LeafRange, largestPowerBelow, type Sha256 } from './merkle.ts';

/** Leaf hashes by index, in order of index. */
export type IndexedHashes = readonly { readonly index: number; readonly hash: Uint8Array }[];

/** The subtrees whose roots are the proof, in proof order. `indexes` rise strictly and are below `size`; at least one. */
export function multiProofRanges(indexes: readonly number[], size: number): LeafRange[] {
  const ranges: LeafRange[] = [];
  visit(0, size, 0, indexes.length);
  return ranges;

  function visit(start: number, end: number, first: number, last: number): void {
    if (first === last) {
      ranges.push({ start, end });
    } else if (end - start > 1) {
      const middle = start + largestPowerBelow(end - start);
      const split = splitAt(indexes, first, last, middle);
      visit(start, middle, first, split);
      visit(middle, end, split, last);
    }
  }
}

/** Root that the leaves and the proof lead to; undefined when they do not fit the tree. Never throws. */
export function rootFromMany(
  leaves: IndexedHashes,
  size: number,
  proof: readonly Uint8Array[],
  sha256?: Sha256,
): Uint8Array | undefined {
  const indexes = leaves.map(({ index }) => index);
  const rise = indexes.every((index, i) => Number.isSafeInteger(index) && index > (indexes[i - 1] ?? -1));
  if (!Number.isSafeInteger(size) || !rise || indexes.length === 0 || indexes.at(-1)! >= size) return undefined;
  if (![...proof, ...leaves.map(({ hash }) => hash)].every((hash) => hash.length === HASH_LENGTH)) return undefined;
  let used = 0;
  const root = visit(0, size, 0, leaves.length);
  return used === proof.length ? root : undefined;

  function visit(start: number, end: number, first: number, last: number): Uint8Array | undefined {
    if (first === last) return proof[used++];
    if (end - start === 1) return leaves[first]!.hash;
    const middle = start + largestPowerBelow(end - start);
    const split = splitAt(indexes, first, last, middle);
    const left = visit(start, middle, first, split);
    const right = visit(middle, end, split, last);
    return left && right && hashNode(left, right, sha256);
  }
}

/** The first of `indexes[first..last)` that is not below `middle`. */
function splitAt(indexes: readonly number[], first: number, last: number, middle: number): number {
  let [low, high] = [first, last];
  while (low < high) {
    const at = (low + high) >> 1;
    if (indexes[at]! < middle) low = at + 1;
    else high = at;
  }
  return low;
}
