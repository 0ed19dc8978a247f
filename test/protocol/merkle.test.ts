import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHex, encodeHex } from '../../protocol/bytes.ts';
import {
  buildTree,
  consistencyProof,
  hashLeaf,
  hashNode,
  inclusionProof,
  inclusionProofIn,
  rootOf,
  rootOfTree,
  verifyConsistency,
  verifyInclusion,
} from '../../protocol/merkle.ts';

// The leaves and roots of the certificate-transparency reference implementation (cpp/merkletree/merkle_tree_test.cc).
const CT_LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map(decodeHex);
const CT_ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const CT_PATHS: readonly { leaf: number; size: number; path: readonly string[] }[] = [
  { leaf: 0, size: 1, path: [] },
  {
    leaf: 0,
    size: 8,
    path: [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  },
  {
    leaf: 5,
    size: 8,
    path: [
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  },
  { leaf: 2, size: 3, path: ['fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125'] },
  {
    leaf: 1,
    size: 5,
    path: [
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ],
  },
];
const CT_PROOFS: readonly { size1: number; size2: number; proof: readonly string[] }[] = [
  { size1: 1, size2: 1, proof: [] },
  {
    size1: 1,
    size2: 8,
    proof: [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  },
  {
    size1: 6,
    size2: 8,
    proof: [
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  },
  {
    size1: 2,
    size2: 5,
    proof: [
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ],
  },
];

const nodeSha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());
const entries = Array.from({ length: 71 }, (_, i) => Uint8Array.of(i, i * 3));
const hashes = entries.map((entry) => hashLeaf(entry));
const roots = Array.from({ length: 72 }, (_, size) => rootOf(hashes.slice(0, size)));

/** RFC 9162 §2.1.1, as it is written there. */
function recursiveRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return nodeSha256(new Uint8Array(0));
  if (leaves.length === 1) return leaves[0]!;
  let k = 1;
  while (2 * k < leaves.length) k *= 2;
  return hashNode(recursiveRoot(leaves.slice(0, k)), recursiveRoot(leaves.slice(k)), nodeSha256);
}

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}

describe('published vectors', () => {
  const leaves = CT_LEAVES.map((leaf) => hashLeaf(leaf));

  it('gives the roots of the certificate-transparency reference tree', () => {
    for (const [size, root] of CT_ROOTS.entries()) expect(encodeHex(rootOf(leaves.slice(0, size)))).toBe(root);
  });

  it('gives its audit paths', () => {
    for (const { leaf, size, path } of CT_PATHS) {
      expect(inclusionProof(leaves.slice(0, size), leaf).map(encodeHex)).toEqual(path);
    }
  });

  it('gives its consistency proofs', () => {
    for (const { size1, size2, proof } of CT_PROOFS) {
      expect(consistencyProof(leaves, size1, size2).map(encodeHex)).toEqual(proof);
    }
  });
});

describe('the tree', () => {
  it('is the recursive definition at every size, with an injected hash too', () => {
    for (let size = 0; size <= 70; size++) {
      const leaves = hashes.slice(0, size);
      expect(encodeHex(roots[size]!)).toBe(encodeHex(recursiveRoot(leaves)));
      expect(rootOf(leaves, nodeSha256)).toEqual(roots[size]);
      expect(rootOfTree(buildTree(leaves))).toEqual(roots[size]);
    }
  });
});

describe('inclusion', () => {
  it('is proven for every index of every size, and for no neighbor', () => {
    for (let treeSize = 1; treeSize <= 70; treeSize++) {
      const tree = buildTree(hashes.slice(0, treeSize));
      for (let index = 0; index < treeSize; index++) {
        const claim = {
          leafHash: hashes[index]!,
          index,
          treeSize,
          proof: inclusionProofIn(tree, index),
          root: roots[treeSize]!,
        };
        expect(verifyInclusion(claim)).toBe(true);
        expect(verifyInclusion({ ...claim, leafHash: hashes[index + 1]! })).toBe(false);
        expect(verifyInclusion({ ...claim, root: roots[treeSize + 1]! })).toBe(false);
        expect(verifyInclusion({ ...claim, proof: [...claim.proof, roots[1]!] })).toBe(false);
        if (treeSize > 1) expect(verifyInclusion({ ...claim, index: (index + 1) % treeSize })).toBe(false);
        if (claim.proof.length > 0) expect(verifyInclusion({ ...claim, proof: claim.proof.slice(1) })).toBe(false);
      }
    }
  });

  it('refuses any flipped bit and any claim that is not whole', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), fc.nat(), fc.nat(), (treeSize, at, bit) => {
        const index = at % treeSize;
        const proof = inclusionProof(hashes.slice(0, treeSize), index);
        const all = [hashes[index]!, roots[treeSize]!, ...proof];
        const which = Math.floor(bit / 256) % all.length;
        all[which] = flip(all[which]!, bit % 256);
        const [leafHash, root, ...path] = all;
        expect(verifyInclusion({ leafHash: leafHash!, index, treeSize, proof: path, root: root! })).toBe(false);
      }),
      { numRuns: 500 },
    );
    const claim = { leafHash: hashes[0]!, index: 0, treeSize: 1, proof: [], root: roots[1]! };
    for (const index of [-1, 1, 0.5, Number.NaN, 2 ** 53]) expect(verifyInclusion({ ...claim, index })).toBe(false);
    for (const treeSize of [0, -1, 1.5, Number.NaN]) expect(verifyInclusion({ ...claim, treeSize })).toBe(false);
    expect(verifyInclusion({ ...claim, leafHash: new Uint8Array(31) })).toBe(false);
    expect(() => inclusionProof(hashes, hashes.length)).toThrow('no leaf');
  });

  it('agrees with @sigstore/verify, which we did not write', () => {
    const directory = dirname(createRequire(import.meta.url).resolve('@sigstore/verify'));
    const { verifyMerkleInclusion } = createRequire(import.meta.url)(join(directory, 'tlog', 'merkle.js')) as {
      verifyMerkleInclusion(entry: unknown, checkpoint: unknown): void;
    };
    const check = (index: number, treeSize: number, proof: readonly Uint8Array[], root: Uint8Array) =>
      verifyMerkleInclusion(
        {
          canonicalizedBody: Buffer.from(entries[index]!),
          inclusionProof: { logIndex: String(index), hashes: proof.map((hash) => Buffer.from(hash)) },
        },
        { logSize: BigInt(treeSize), logHash: Buffer.from(root) },
      );
    for (let treeSize = 1; treeSize <= 70; treeSize++) {
      const tree = buildTree(hashes.slice(0, treeSize));
      for (let index = treeSize % 2; index < treeSize; index += 2) {
        const proof = inclusionProofIn(tree, index);
        check(index, treeSize, proof, roots[treeSize]!);
        expect(() => check(index, treeSize, proof, roots[treeSize + 1]!)).toThrow();
      }
    }
  });
});

describe('consistency', () => {
  it('is proven between all sizes, and with no other root', () => {
    for (let size2 = 0; size2 <= 70; size2++) {
      for (let size1 = 0; size1 <= size2; size1++) {
        const claim = {
          size1,
          size2,
          root1: roots[size1]!,
          root2: roots[size2]!,
          proof: consistencyProof(hashes, size1, size2),
        };
        expect(verifyConsistency(claim)).toBe(true);
        expect(verifyConsistency({ ...claim, root1: roots[size1 + 1]! })).toBe(false);
        expect(verifyConsistency({ ...claim, proof: [...claim.proof, roots[1]!] })).toBe(false);
        if (size1 > 0) expect(verifyConsistency({ ...claim, root2: roots[size2 + 1]! })).toBe(false);
        if (claim.proof.length > 0) expect(verifyConsistency({ ...claim, proof: claim.proof.slice(1) })).toBe(false);
        if (size1 < size2) expect(verifyConsistency({ ...claim, size1: size2, size2: size1 })).toBe(false);
      }
    }
  });

  it('refuses any flipped bit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 69 }), fc.nat(), fc.nat(), (size1, more, bit) => {
        const size2 = size1 + 1 + (more % (70 - size1));
        const all = [roots[size1]!, roots[size2]!, ...consistencyProof(hashes, size1, size2)];
        const which = Math.floor(bit / 256) % all.length;
        all[which] = flip(all[which]!, bit % 256);
        const [root1, root2, ...proof] = all;
        expect(verifyConsistency({ size1, size2, root1: root1!, root2: root2!, proof })).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});
