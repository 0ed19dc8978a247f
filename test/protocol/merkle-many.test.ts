import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashLeaf, inclusionProof, rootOf } from '../../protocol/merkle.ts';
import { joinProofs, pathsOfMany, proveMany, rangesBeside, rootOfMany } from '../../protocol/merkle-many.ts';
import { faultOf } from '../support/fault-of.ts';

const hashes = Array.from({ length: 40 }, (_, i) => hashLeaf(Uint8Array.of(i)));
const cases = fc
  .integer({ min: 1, max: 40 })
  .chain((size) => fc.tuple(fc.constant(size), fc.subarray(Array.from({ length: size }, (_, i) => i))));

describe('a proof for many leaves', () => {
  it('leads to the root, with as few subtrees as there are', () => {
    fc.assert(
      fc.property(cases, ([size, indexes]) => {
        const tree = hashes.slice(0, size);
        const proof = proveMany(tree, indexes);
        const leaves = indexes.map((index) => ({ index, hash: tree[index]! }));
        expect(rootOfMany(leaves, size, proof)).toEqual(rootOf(tree));
        const covered = rangesBeside(indexes, size).reduce((sum, { start, end }) => sum + end - start, 0);
        expect(covered + indexes.length).toBe(size);
      }),
    );
  });

  it('is for one leaf the inclusion proof, from left to right', () => {
    for (let size = 1; size <= 40; size++) {
      const tree = hashes.slice(0, size);
      for (let index = 0; index < size; index++) {
        const sorted = (proof: readonly Uint8Array[]) => proof.map(String).sort();
        expect(sorted(proveMany(tree, [index]))).toEqual(sorted(inclusionProof(tree, index)));
      }
    }
  });

  it('is made of the proofs of its leaves, and gives them back', () => {
    fc.assert(
      fc.property(cases, ([size, indexes]) => {
        fc.pre(indexes.length > 0);
        const tree = hashes.slice(0, size);
        const paths = indexes.map((index) => inclusionProof(tree, index));
        const joined = joinProofs(
          indexes.map((index, i) => ({ index, path: paths[i]! })),
          size,
        );
        expect(joined).toEqual(proveMany(tree, indexes));
        const leaves = indexes.map((index) => ({ index, hash: tree[index]! }));
        expect(pathsOfMany(leaves, size, joined)).toEqual(paths);
      }),
    );
  });

  it('leads elsewhere when anything is altered', () => {
    fc.assert(
      fc.property(cases, fc.nat(), fc.nat({ max: 255 }), ([size, indexes], at, bit) => {
        const tree = hashes.slice(0, size);
        const all = [...indexes.map((index) => tree[index]!), ...proveMany(tree, indexes)];
        const which = at % all.length;
        all[which] = all[which]!.map((octet, i) => (i === bit >> 3 ? octet ^ (1 << (bit & 7)) : octet));
        const leaves = indexes.map((index, i) => ({ index, hash: all[i]! }));
        expect(rootOfMany(leaves, size, all.slice(indexes.length))).not.toEqual(rootOf(tree));
      }),
    );
  });

  it('leads elsewhere when a leaf stands at another index', () => {
    fc.assert(
      fc.property(cases, fc.nat({ max: 39 }), ([size, indexes], other) => {
        fc.pre(indexes.length > 0 && other < size && !indexes.includes(other));
        const tree = hashes.slice(0, size);
        const proof = proveMany(tree, indexes);
        const moved = [...indexes.slice(1).map((index) => ({ index, hash: tree[index]! }))];
        moved.push({ index: other, hash: tree[indexes[0]!]! });
        moved.sort((a, b) => a.index - b.index);
        let root: Uint8Array | undefined;
        try {
          root = rootOfMany(moved, size, proof);
        } catch {
          return; // needs another number of hashes
        }
        expect(root).not.toEqual(rootOf(tree));
      }),
    );
  });

  it.each([
    ['leaves that do not ascend', () => rangesBeside([2, 1], 5), 'malformed'],
    ['a leaf twice', () => rangesBeside([1, 1], 5), 'malformed'],
    ['a leaf outside', () => rangesBeside([5], 5), 'missing'],
    ['an empty tree', () => rangesBeside([], 0), 'malformed'],
    ['a hash too few', () => rootOfMany([{ index: 0, hash: hashes[0]! }], 2, []), 'malformed'],
    ['a hash too many', () => rootOfMany([{ index: 0, hash: hashes[0]! }], 1, [hashes[1]!]), 'malformed'],
    ['a short hash', () => rootOfMany([{ index: 0, hash: new Uint8Array(31) }], 1, []), 'malformed'],
  ])('refuses %s', (_, run, code) => {
    expect(faultOf(run)).toBe(code);
  });
});
