import { hash } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { concatBytes } from '../../protocol/bytes.ts';
import { isFault } from '../../protocol/fault.ts';
import {
  buildTree,
  consistencyProof,
  hashLeaf,
  inclusionProof,
  inclusionProofIn,
  rootOf,
  rootOfTree,
  verifyConsistency,
} from '../../protocol/merkle.ts';
import { decodePosition, encodePosition } from '../../protocol/position.ts';
import {
  decodeEntryBundle,
  encodeEntryBundle,
  partialTiles,
  TILE_WIDTH,
  tilePath,
  tilesBetween,
} from '../../protocol/tile-paths.ts';
import { bindTiles, proveConsistency, proveInclusion, type ReadTile } from '../../protocol/tlog-tiles.ts';

const SIZE = 256 * 256 + 700; // three levels: full and partial tiles at levels 0 and 1, partial at level 2
const entryAt = (index: number) => Uint8Array.of(index >> 16, index >> 8, index);
const sha256 = (bytes: Uint8Array) => new Uint8Array(hash('sha256', bytes, 'buffer'));
let leaves: Uint8Array[] = [];
let levels: Uint8Array[][] = [];

beforeAll(() => {
  leaves = Array.from({ length: SIZE }, (_, index) => hashLeaf(entryAt(index), sha256));
  levels = [leaves];
  for (let level = leaves; level.length >= TILE_WIDTH; level = levels.at(-1)!) {
    const above: Uint8Array[] = [];
    for (let i = 0; i + TILE_WIDTH <= level.length; i += TILE_WIDTH)
      above.push(rootOf(level.slice(i, i + TILE_WIDTH), sha256));
    levels.push(above);
  }
});

/** The files of a log of this size, made from the definition of a tile. */
function filesOf(size: number): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const tile of tilesBetween(0, size)) {
    const start = tile.index * TILE_WIDTH;
    if (tile.level === 'entries') {
      const entries = Array.from({ length: tile.width }, (_, i) => entryAt(start + i));
      files.set(tilePath(tile), encodeEntryBundle(entries));
    } else {
      const hashes = levels[tile.level]!.slice(start, start + tile.width);
      files.set(tilePath(tile), concatBytes(...hashes));
    }
  }
  return files;
}

const reader =
  (files: ReadonlyMap<string, Uint8Array>): ReadTile =>
  (path) =>
    files.get(path);
const roots = new Map<number, Uint8Array>();
function headOf(size: number): { size: number; root: Uint8Array } {
  const root = roots.get(size) ?? rootOf(leaves.slice(0, size), sha256);
  roots.set(size, root);
  return { size, root };
}

async function codeOf(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (isFault(error)) return error.code;
    throw error;
  }
  return 'nothing thrown';
}

describe('paths', () => {
  it('are those of the specification', () => {
    expect(tilePath({ level: 0, index: 0, width: 256 })).toBe('tile/0/000');
    expect(tilePath({ level: 2, index: 1_234_067, width: 256 })).toBe('tile/2/x001/x234/067');
    expect(tilePath({ level: 0, index: 67, width: 5 })).toBe('tile/0/067.p/5');
    expect(tilePath({ level: 'entries', index: 1000, width: 255 })).toBe('tile/entries/x001/000.p/255');
  });

  it('cover a tree of 70,000 as its example says', () => {
    const tiles = tilesBetween(0, 70_000);
    const full = (level: number | 'entries') => tiles.filter((t) => t.level === level && t.width === TILE_WIDTH).length;
    expect([full('entries'), full(0), full(1), full(2)]).toEqual([273, 273, 1, 0]);
    expect(partialTiles(70_000)).toEqual([
      { level: 2, index: 0, width: 1 },
      { level: 1, index: 1, width: 17 },
      { level: 0, index: 273, width: 112 },
    ]);
    expect(partialTiles(256)).toEqual([{ level: 1, index: 0, width: 1 }]);
    expect(partialTiles(0)).toEqual([]);
  });

  it('name only what is new between two sizes', () => {
    expect(tilesBetween(256, 257).map(tilePath)).toEqual(['tile/entries/001.p/1', 'tile/0/001.p/1']);
    expect(tilesBetween(255, 256).map(tilePath)).toEqual(['tile/entries/000', 'tile/0/000', 'tile/1/000.p/1']);
    expect(tilesBetween(300, 300)).toEqual([]);
  });
});

describe('entry bundles', () => {
  it('round-trip', () => {
    const bundle = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 256 });
    fc.assert(
      fc.property(bundle, (entries) => void expect(decodeEntryBundle(encodeEntryBundle(entries))).toEqual(entries)),
      {
        numRuns: 50,
      },
    );
    expect(() => encodeEntryBundle([new Uint8Array(65_536)])).toThrow('65,535');
  });

  it('refuse every other byte string', () => {
    for (const bad of [[], [0], [0, 1], [0, 0, 0], [0, 2, 1]]) {
      expect(() => decodeEntryBundle(Uint8Array.from(bad))).toThrow();
    }
    expect(() => decodeEntryBundle(new Uint8Array(2 * 257))).toThrow('not an entry bundle');
  });
});

describe('proofs from tiles', () => {
  it('are those of the tree, at and around the sizes where tiles fill', async () => {
    for (const size of [1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, SIZE]) {
      const tree = buildTree(leaves.slice(0, size), sha256);
      roots.set(size, rootOfTree(tree));
      const tiles = await bindTiles(headOf(size), reader(filesOf(size)));
      for (const index of new Set([0, 1, 254, 255, 256, 257, size >> 1, size - 2, size - 1])) {
        if (index < 0 || index >= size) continue;
        expect(await tiles.proveInclusion(index)).toEqual(inclusionProofIn(tree, index));
        expect(await tiles.leafHash(index)).toEqual(leaves[index]);
        expect(await tiles.entry(index)).toEqual(entryAt(index));
      }
      for (const size1 of new Set([0, 1, 2, 255, 256, 257, 513, 7000, size])) {
        if (size1 > size) continue;
        const root1 = await tiles.rootAt(size1);
        expect(root1).toEqual(headOf(size1).root);
        const proof = await tiles.proveConsistency(size1);
        expect(verifyConsistency({ size1, root1, size2: size, root2: rootOfTree(tree), proof })).toBe(true);
      }
    }
  });

  it('are those of the tree at every small size', async () => {
    for (let size = 1; size <= 40; size++) {
      const read = reader(filesOf(size));
      expect(await proveInclusion(headOf(size), size >> 1, read)).toEqual(
        inclusionProof(leaves.slice(0, size), size >> 1),
      );
      expect(await proveConsistency(headOf(size), size >> 1, read)).toEqual(consistencyProof(leaves, size >> 1, size));
    }
  });

  it('work from the empty tree and refuse what is outside', async () => {
    const empty = await bindTiles(headOf(0), reader(new Map()));
    expect(await empty.proveConsistency(0)).toEqual([]);
    expect(await codeOf(() => empty.proveInclusion(0))).toBe('missing');
    expect(await codeOf(() => bindTiles({ size: 0, root: new Uint8Array(32) }, () => undefined))).toBe('inconsistent');
    const tiles = await bindTiles(headOf(10), reader(filesOf(10)));
    for (const index of [10, -1, 0.5]) expect(await codeOf(() => tiles.proveInclusion(index))).toBe('missing');
    expect(await codeOf(() => tiles.proveConsistency(11))).toBe('missing');
    expect(await codeOf(() => tiles.rootAt(11))).toBe('missing');
    expect(await codeOf(() => tiles.entry(10))).toBe('missing');
  });

  it('take the full tile when the partial one was deleted', async () => {
    const files = filesOf(512);
    for (const [path, bytes] of filesOf(300)) if (!path.includes('.p/')) files.set(path, bytes);
    const tiles = await bindTiles(headOf(300), (path) =>
      path.startsWith('tile/1/') ? filesOf(300).get(path) : files.get(path),
    );
    expect(await tiles.entry(299)).toEqual(entryAt(299));
  });
});

describe('hostile tiles', () => {
  it('are refused wherever a byte is flipped, before a hash of them is used', async () => {
    const head = headOf(SIZE);
    const files = filesOf(SIZE);
    const index = 5000; // under full tiles at levels 0 and 1
    const needed = new Set<string>();
    const proof = await proveInclusion(head, index, (path) => {
      if (files.has(path)) needed.add(path);
      return files.get(path);
    });
    expect(needed.size).toBeGreaterThan(4);
    for (const path of needed) {
      const good = files.get(path)!;
      for (const at of [0, 31, good.length >> 1, good.length - 1]) {
        const bad = good.slice();
        bad[at]! ^= 1;
        const read: ReadTile = (asked) => (asked === path ? bad : files.get(asked));
        expect(await codeOf(() => proveInclusion(head, index, read)), path).toBe('inconsistent');
      }
      for (const bad of [new Uint8Array(0), good.slice(32), good.slice(0, -1)]) {
        const read: ReadTile = (asked) => (asked === path ? bad : files.get(asked));
        expect(await codeOf(() => proveInclusion(head, index, read)), path).toBe('inconsistent');
      }
      expect(
        await codeOf(() => proveInclusion(head, index, (asked) => (asked === path ? undefined : files.get(asked)))),
      ).toBe('missing');
    }
    expect(await proveInclusion(head, index, reader(files))).toEqual(proof);
  });

  it('cannot put a forged leaf below an honest checkpoint, neither alone nor with forged parents', async () => {
    const size = 65_536 + 300;
    const head = headOf(size);
    const files = filesOf(size);
    const forged = hashLeaf(Uint8Array.of(0xbad & 0xff));
    const tile0 = files.get('tile/0/003')!.slice();
    tile0.set(forged, 32 * 7);
    files.set('tile/0/003', tile0);
    expect(await codeOf(() => proveInclusion(head, 3 * 256 + 7, reader(files)))).toBe('inconsistent');
    const tile1 = files.get('tile/1/000')!.slice();
    tile1.set(rootOf(Array.from({ length: 256 }, (_, i) => tile0.slice(32 * i, 32 * i + 32))), 32 * 3);
    files.set('tile/1/000', tile1);
    expect(await codeOf(() => proveInclusion(head, 3 * 256 + 7, reader(files)))).toBe('inconsistent');
    const tile2 = rootOf(Array.from({ length: 256 }, (_, i) => tile1.slice(32 * i, 32 * i + 32)));
    files.set('tile/2/000.p/1', tile2);
    expect(await codeOf(() => proveInclusion(head, 3 * 256 + 7, reader(files)))).toBe('inconsistent');
  });

  it('cannot pass another entry as the one at an index', async () => {
    const files = filesOf(300);
    files.set('tile/entries/000', encodeEntryBundle(Array.from({ length: 256 }, (_, i) => entryAt(i === 9 ? 8 : i))));
    const tiles = await bindTiles(headOf(300), reader(files));
    expect(await codeOf(() => tiles.entry(9))).toBe('inconsistent');
    expect(await tiles.entry(8)).toEqual(entryAt(8));
  });
});

describe('positions', () => {
  it('round-trip and refuse what is outside the tree', () => {
    const position = { commitment: new Uint8Array(32).fill(4), index: 70_000, treeSize: 70_001 };
    expect(decodePosition(encodePosition(position))).toEqual(position);
    expect(() => decodePosition(encodePosition({ ...position, treeSize: 70_000 }))).toThrow('outside');
    expect(() => decodePosition(encodePosition({ ...position, commitment: new Uint8Array(31) }))).toThrow('wrong size');
  });
});
