/**
 * Proofs from the tiles of a log (C2SP tlog-tiles). A tile is hostile until it is bound to the checkpoint's root: the
 * right edge must hash to the root, every other tile to its hash in the tile above it. A reader that skips one of these
 * comparisons can be made to prove what is not in the log (CVE-2026-56865 was such a reader).
 */
import { copyBytes, equalBytes } from './bytes.ts';
import { Fault } from './fault.ts';
import {
  consistencyRanges,
  HASH_LENGTH,
  hashLeaf,
  hashNode,
  inclusionRanges,
  type LeafRange,
  rootOf,
  type Sha256,
} from './merkle.ts';
import { rangesBeside } from './merkle-many.ts';
import { decodeEntryBundle, partialTiles, TILE_WIDTH, type TileCoordinate, tileAt, tilePath } from './tile-paths.ts';

/** The octets at a path below the log's prefix, or undefined when there is no such file. */
export type ReadTile = (path: string) => Uint8Array | undefined | Promise<Uint8Array | undefined>;

/** What a checkpoint says about the tree; a {@link Checkpoint} is one. */
export interface TreeHead {
  readonly size: number;
  readonly root: Uint8Array;
}

/** Bound tiles kept in memory, 8 KiB each. */
const CACHE_LIMIT = 1024;

/** PATH(index, D_size) for the checkpoint's tree. Throws `missing` or `inconsistent`; the proof needs no further check. */
export async function proveInclusion(head: TreeHead, index: number, readTile: ReadTile): Promise<Uint8Array[]> {
  return (await bindTiles(head, readTile)).proveInclusion(index);
}

/** PROOF(size1, D_size) from a smaller tree to the checkpoint's. Throws `missing` or `inconsistent`. */
export async function proveConsistency(head: TreeHead, size1: number, readTile: ReadTile): Promise<Uint8Array[]> {
  return (await bindTiles(head, readTile)).proveConsistency(size1);
}

/** Reads the right edge and binds it to the root. Throws `missing` for an absent tile, `inconsistent` for a wrong one. */
export async function bindTiles(head: TreeHead, readTile: ReadTile, sha256?: Sha256): Promise<BoundTiles> {
  const edge = new Map<string, readonly Uint8Array[]>();
  const subtrees: Uint8Array[] = [];
  for (const tile of partialTiles(head.size)) {
    const hashes = await readHashes(tile, readTile);
    edge.set(tilePath(tile), hashes);
    for (const { start, end } of completeSubtrees({ start: 0, end: hashes.length })) {
      subtrees.push(rootOf(hashes.slice(start, end), sha256));
    }
  }
  if (!equalBytes(foldRight(subtrees, sha256), head.root)) {
    throw new Fault('inconsistent', 'the tiles at the edge are not those of the checkpoint');
  }
  return new BoundTiles(head, readTile, edge, sha256);
}

/** Hashes, entries and proofs of one tree, each bound to its root before it is returned. See {@link bindTiles}. */
export class BoundTiles {
  readonly head: TreeHead;
  readonly #readTile: ReadTile;
  readonly #edge: ReadonlyMap<string, readonly Uint8Array[]>;
  readonly #cache = new Map<string, readonly Uint8Array[]>();
  readonly #sha256: Sha256 | undefined;

  constructor(
    head: TreeHead,
    readTile: ReadTile,
    edge: ReadonlyMap<string, readonly Uint8Array[]>,
    sha256: Sha256 | undefined,
  ) {
    this.head = head;
    this.#readTile = readTile;
    this.#edge = edge;
    this.#sha256 = sha256;
  }

  async proveInclusion(index: number): Promise<Uint8Array[]> {
    return this.#hashRanges(inclusionRanges(index, this.head.size));
  }

  /** One proof for several entries (merkle-many.ts); `indexes` rise. */
  async proveMany(indexes: readonly number[]): Promise<Uint8Array[]> {
    return this.#hashRanges(rangesBeside(indexes, this.head.size));
  }

  async proveConsistency(size1: number): Promise<Uint8Array[]> {
    return this.#hashRanges(consistencyRanges(size1, this.head.size));
  }

  /** Hash of the entry at that index. */
  async leafHash(index: number): Promise<Uint8Array> {
    return (await this.#hashesOf(tileAt(0, index, this.head.size)))[index % TILE_WIDTH]!;
  }

  /** The entry at that index, compared with its leaf hash. */
  async entry(index: number): Promise<Uint8Array> {
    const bundle = decodeEntryBundle(await readTileOrFull(tileAt('entries', index, this.head.size), this.#readTile));
    const entry = bundle[index % TILE_WIDTH];
    if (entry === undefined || !equalBytes(hashLeaf(entry, this.#sha256), await this.leafHash(index))) {
      throw new Fault('inconsistent', 'an entry is not that of the checkpoint');
    }
    return entry;
  }

  /** All entries of the bundle that holds that index, the first of them at a multiple of 256, each compared. */
  async bundle(index: number): Promise<readonly Uint8Array[]> {
    const tile = tileAt('entries', index, this.head.size);
    const entries = decodeEntryBundle(await readTileOrFull(tile, this.#readTile)).slice(0, tile.width);
    const hashes = await this.#hashesOf(tileAt(0, index, this.head.size));
    const isBound = (entry: Uint8Array, i: number) => equalBytes(hashLeaf(entry, this.#sha256), hashes[i]!);
    if (entries.length !== tile.width || !entries.every(isBound)) {
      throw new Fault('inconsistent', 'an entry is not that of the checkpoint');
    }
    return entries;
  }

  /** Root of the tree over the first `size` entries. */
  async rootAt(size: number): Promise<Uint8Array> {
    if (size > this.head.size) throw new Fault('missing', 'the tree is smaller than that');
    return this.#hashRange({ start: 0, end: size });
  }

  async #hashRanges(ranges: readonly LeafRange[]): Promise<Uint8Array[]> {
    const hashes: Uint8Array[] = [];
    for (const range of ranges) hashes.push(await this.#hashRange(range));
    return hashes;
  }

  async #hashRange(range: LeafRange): Promise<Uint8Array> {
    const subtrees: Uint8Array[] = [];
    for (const subtree of completeSubtrees(range)) subtrees.push(await this.#hashSubtree(subtree));
    return foldRight(subtrees, this.#sha256);
  }

  /** Root of a complete, aligned subtree, from the highest tile that still splits it. */
  async #hashSubtree({ start, end }: LeafRange): Promise<Uint8Array> {
    let level = 0;
    while (TILE_WIDTH ** (level + 1) <= end - start) level++;
    const first = start / TILE_WIDTH ** level;
    const count = (end - start) / TILE_WIDTH ** level;
    const hashes = await this.#hashesOf(tileAt(level, first, this.head.size));
    return rootOf(hashes.slice(first % TILE_WIDTH, (first % TILE_WIDTH) + count), this.#sha256);
  }

  /** A tile, bound: a partial one by {@link bindTiles}, a full one by its hash in the tile above. */
  async #hashesOf(tile: TileCoordinate): Promise<readonly Uint8Array[]> {
    const path = tilePath(tile);
    const bound = this.#edge.get(path) ?? this.#cache.get(path);
    if (bound !== undefined) return bound;
    const hashes = await readHashes(tile, this.#readTile);
    const above = await this.#hashesOf(tileAt((tile.level as number) + 1, tile.index, this.head.size));
    if (!equalBytes(rootOf(hashes, this.#sha256), above[tile.index % TILE_WIDTH]!)) {
      throw new Fault('inconsistent', 'a tile is not that of the checkpoint');
    }
    if (this.#cache.size >= CACHE_LIMIT) this.#cache.clear();
    this.#cache.set(path, hashes);
    return hashes;
  }
}

async function readHashes(tile: TileCoordinate, readTile: ReadTile): Promise<readonly Uint8Array[]> {
  const bytes = await readTileOrFull(tile, readTile);
  const full = bytes.length === TILE_WIDTH * HASH_LENGTH;
  if (!full && bytes.length !== tile.width * HASH_LENGTH) throw new Fault('inconsistent', 'a tile has a wrong size');
  const hashes: Uint8Array[] = [];
  for (let i = 0; i < tile.width; i++) hashes.push(copyBytes(bytes, i * HASH_LENGTH, (i + 1) * HASH_LENGTH));
  return hashes;
}

/** A log may delete a partial tile once the full one is there. C2SP tlog-tiles, Partial Tiles */
async function readTileOrFull(tile: TileCoordinate, readTile: ReadTile): Promise<Uint8Array> {
  const bytes = (await readTile(tilePath(tile))) ?? (await readTile(tilePath({ ...tile, width: TILE_WIDTH })));
  if (bytes === undefined) throw new Fault('missing', 'a tile of the log is not there');
  return bytes;
}

/** RFC 9162 §2.1.1: the complete subtrees of a range, largest first; a range of the tree starts where its largest may. */
export function completeSubtrees({ start, end }: LeafRange): LeafRange[] {
  const subtrees: LeafRange[] = [];
  for (let at = start; at < end; ) {
    let size = 1;
    while (size * 2 <= end - at) size *= 2;
    subtrees.push({ start: at, end: at + size });
    at += size;
  }
  return subtrees;
}

/** Joins the roots of complete subtrees, largest first, into the root over all of them. */
export function foldRight(subtrees: readonly Uint8Array[], sha256?: Sha256): Uint8Array {
  if (subtrees.length === 0) return rootOf([], sha256);
  return subtrees.reduceRight((right, left) => hashNode(left, right, sha256));
}
