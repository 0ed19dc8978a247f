/**
 * The Merkle tree of RFC 9162 §2.1 with SHA-256: hashes, inclusion proofs, consistency proofs. The same tree serves a
 * batch (leaves of readings) and the log (entries). Pure; a caller with a faster SHA-256 passes it in.
 */
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { concatBytes, equalBytes } from './bytes.ts';
import { Fault } from './fault.ts';

/** SHA-256 of the bytes, 32 octets. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** Octets of every hash in the tree. */
export const HASH_LENGTH = 32;

/** Consecutive leaves `[start, end)`, the subtree under one node. */
export interface LeafRange {
  readonly start: number;
  readonly end: number;
}

const LEAF_PREFIX = Uint8Array.of(0x00);

/** MTH({d}) = HASH(0x00 || d). RFC 9162 §2.1.1 */
export function hashLeaf(data: Uint8Array, sha256: Sha256 = nobleSha256): Uint8Array {
  return sha256(concatBytes(LEAF_PREFIX, data));
}

/** HASH(0x01 || left || right). RFC 9162 §2.1.1 */
export function hashNode(left: Uint8Array, right: Uint8Array, sha256: Sha256 = nobleSha256): Uint8Array {
  const input = new Uint8Array(1 + 2 * HASH_LENGTH);
  input[0] = 0x01;
  input.set(left, 1);
  input.set(right, 1 + HASH_LENGTH);
  return sha256(input);
}

/** MTH of the tree over these leaf hashes; of no leaves it is HASH(""). RFC 9162 §2.1.1 */
export function rootOf(leafHashes: readonly Uint8Array[], sha256: Sha256 = nobleSha256): Uint8Array {
  return rootOfTree(buildTree(leafHashes, sha256), sha256);
}

/**
 * All nodes of a tree, level 0 being the leaf hashes, so that many proofs cost one hashing pass. A last node without a
 * sibling goes up unchanged, which is the same tree as the recursive definition (RFC 9162 §2.1.2 builds it likewise).
 */
export type Tree = readonly (readonly Uint8Array[])[];

/** Hashes every level over these leaf hashes. */
export function buildTree(leafHashes: readonly Uint8Array[], sha256: Sha256 = nobleSha256): Tree {
  const levels: (readonly Uint8Array[])[] = [leafHashes];
  let level = leafHashes;
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let i = 0; i + 1 < level.length; i += 2) above.push(hashNode(level[i]!, level[i + 1]!, sha256));
    if (level.length % 2 === 1) above.push(level[level.length - 1]!);
    levels.push(above);
    level = above;
  }
  return levels;
}

/** The root of a built tree. */
export function rootOfTree(tree: Tree, sha256: Sha256 = nobleSha256): Uint8Array {
  return tree[tree.length - 1]![0] ?? sha256(new Uint8Array(0));
}

/** PATH(index, D_n) from a built tree, leaf's sibling first. Throws `missing` for an index outside the tree. */
export function inclusionProofIn(tree: Tree, index: number): Uint8Array[] {
  assertIndex(index, tree[0]!.length);
  const proof: Uint8Array[] = [];
  let at = index;
  for (const level of tree.slice(0, -1)) {
    const sibling = level[at % 2 === 0 ? at + 1 : at - 1];
    if (sibling !== undefined) proof.push(sibling);
    at = Math.floor(at / 2);
  }
  return proof;
}

/** PATH(index, D_n), leaf's sibling first. RFC 9162 §2.1.3.1. Throws `missing` for an index outside the tree. */
export function inclusionProof(leafHashes: readonly Uint8Array[], index: number, sha256?: Sha256): Uint8Array[] {
  return inclusionProofIn(buildTree(leafHashes, sha256), index);
}

/** PROOF(size1, D_size2). RFC 9162 §2.1.4.1. Throws `missing` unless 0 <= size1 <= size2 = number of leaf hashes. */
export function consistencyProof(
  leafHashes: readonly Uint8Array[],
  size1: number,
  size2: number = leafHashes.length,
  sha256?: Sha256,
): Uint8Array[] {
  if (size2 > leafHashes.length) throw new Fault('missing', 'the tree is smaller than that');
  return consistencyRanges(size1, size2).map(({ start, end }) => rootOf(leafHashes.slice(start, end), sha256));
}

/** The subtrees whose roots are the inclusion proof, in proof order. RFC 9162 §2.1.3.1 */
export function inclusionRanges(index: number, size: number): LeafRange[] {
  assertIndex(index, size);
  const ranges: LeafRange[] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + largestPowerBelow(end - start);
    if (index < middle) {
      ranges.push({ start: middle, end });
      end = middle;
    } else {
      ranges.push({ start, end: middle });
      start = middle;
    }
  }
  return ranges.reverse();
}

/** The subtrees whose roots are the consistency proof, in proof order. RFC 9162 §2.1.4.1; none when size1 is 0. */
export function consistencyRanges(size1: number, size2: number): LeafRange[] {
  assertSize(size1);
  assertSize(size2);
  if (size1 > size2) throw new Fault('missing', 'the tree is smaller than that');
  if (size1 === 0) return [];
  const ranges: LeafRange[] = [];
  let start = 0;
  let end = size2;
  while (size1 !== end) {
    const middle = start + largestPowerBelow(end - start);
    if (size1 <= middle) {
      ranges.push({ start: middle, end });
      end = middle;
    } else {
      ranges.push({ start, end: middle });
      start = middle;
    }
  }
  if (start !== 0) ranges.push({ start, end }); // SUBPROOF(m, D_m, false) = {MTH(D_m)}
  return ranges.reverse();
}

/** What {@link verifyInclusion} compares. */
export interface InclusionClaim {
  readonly leafHash: Uint8Array;
  readonly index: number;
  readonly treeSize: number;
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
}

/** True when the proof leads from the leaf hash at that index to the root. RFC 9162 §2.1.3.2; never throws. */
export function verifyInclusion(claim: InclusionClaim, sha256: Sha256 = nobleSha256): boolean {
  const { leafHash, index, treeSize, proof, root } = claim;
  if (!isIndex(index) || !isIndex(treeSize) || index >= treeSize) return false; // step 1
  if (!allHashes([leafHash, root, ...proof])) return false;
  let fn = index; // step 2
  let sn = treeSize - 1;
  let r = leafHash; // step 3
  for (const p of proof) {
    if (sn === 0) return false; // step 4.a
    if (fn % 2 === 1 || fn === sn) {
      r = hashNode(p, r, sha256); // step 4.b.i
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)]; // step 4.b.ii
    } else {
      r = hashNode(r, p, sha256);
    }
    [fn, sn] = [half(fn), half(sn)]; // step 4.c
  }
  return sn === 0 && equalBytes(r, root); // step 5
}

/** What {@link verifyConsistency} compares. */
export interface ConsistencyClaim {
  readonly size1: number;
  readonly root1: Uint8Array;
  readonly size2: number;
  readonly root2: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/**
 * True when the larger tree extends the smaller. RFC 9162 §2.1.4.2; never throws. The empty tree (its root must be
 * HASH("")) and equal trees are extended by an empty proof.
 */
export function verifyConsistency(claim: ConsistencyClaim, sha256: Sha256 = nobleSha256): boolean {
  const { size1, root1, size2, root2, proof } = claim;
  if (!isIndex(size1) || !isIndex(size2) || size1 > size2 || !allHashes([root1, root2, ...proof])) return false;
  if (size1 === size2 && !equalBytes(root1, root2)) return false;
  if (size1 === 0) return proof.length === 0 && equalBytes(root1, sha256(new Uint8Array(0)));
  if (size1 === size2) return proof.length === 0;
  const path = isPowerOfTwo(size1) ? [root1, ...proof] : proof; // step 2
  const first = path[0];
  if (first === undefined) return false; // step 1
  let fn = size1 - 1; // step 3
  let sn = size2 - 1;
  while (fn % 2 === 1) [fn, sn] = [half(fn), half(sn)]; // step 4
  let fr = first; // step 5
  let sr = first;
  for (const c of path.slice(1)) {
    if (sn === 0) return false; // step 6.a
    if (fn % 2 === 1 || fn === sn) {
      fr = hashNode(c, fr, sha256); // step 6.b.i
      sr = hashNode(c, sr, sha256); // step 6.b.ii
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)]; // step 6.b.iii
    } else {
      sr = hashNode(sr, c, sha256);
    }
    [fn, sn] = [half(fn), half(sn)]; // step 6.c
  }
  return sn === 0 && equalBytes(fr, root1) && equalBytes(sr, root2); // step 7
}

/** The largest power of two smaller than n, for n > 1. RFC 9162 §2.1.1: k < n <= 2k */
export function largestPowerBelow(n: number): number {
  let k = 1;
  while (2 * k < n) k *= 2;
  return k;
}

function isPowerOfTwo(n: number): boolean {
  return n === 1 || largestPowerBelow(n) * 2 === n;
}

// Division, because tree sizes may pass the 32 bits of JavaScript's shift operators.
function half(n: number): number {
  return Math.floor(n / 2);
}

function isIndex(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0;
}

function allHashes(hashes: readonly Uint8Array[]): boolean {
  return hashes.every((hash) => hash.length === HASH_LENGTH);
}

function assertSize(size: number): void {
  if (!isIndex(size)) throw new Fault('range', 'a tree size is a whole number');
}

function assertIndex(index: number, size: number): void {
  assertSize(size);
  if (!isIndex(index) || index >= size) throw new Fault('missing', 'no leaf at that index');
}
