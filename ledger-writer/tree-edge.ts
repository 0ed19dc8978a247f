/** The right edge of a log's tree: all that is needed to grow it and to know its root. Pure. */
import { concatBytes } from '../protocol/bytes.ts';
import { rootOf, type Sha256 } from '../protocol/merkle.ts';
import { TILE_WIDTH, type TileCoordinate } from '../protocol/tile-paths.ts';
import { completeSubtrees, foldRight } from '../protocol/tlog-tiles.ts';

/** A tile and its content. */
export interface Tile {
  readonly tile: TileCoordinate;
  readonly bytes: Uint8Array;
}

export class TreeEdge {
  /** Hashes of the partial tile at each level; index of the next hash at each level. */
  readonly #partial: Uint8Array[][] = [];
  readonly #next: number[] = [];
  readonly #sha256: Sha256 | undefined;

  constructor(sha256?: Sha256) {
    this.#sha256 = sha256;
  }

  /** Takes a partial tile that was stored; the caller compares {@link TreeEdge.root} afterwards. */
  restore({ level, index }: TileCoordinate, hashes: readonly Uint8Array[]): void {
    this.#partial[level as number] = [...hashes];
    this.#next[level as number] = index * TILE_WIDTH + hashes.length;
  }

  /** For levels whose tiles are all full. */
  restoreSize(treeSize: number): void {
    for (let level = 0, hashes = treeSize; hashes > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH)) {
      this.#partial[level] ??= [];
      this.#next[level] = hashes;
    }
  }

  /** Adds a leaf hash; returns the tiles that became full by it. */
  push(leafHash: Uint8Array): Tile[] {
    const full: Tile[] = [];
    let hash = leafHash;
    for (let level = 0; ; level++) {
      this.#partial[level] ??= [];
      const hashes = this.#partial[level]!;
      hashes.push(hash);
      this.#next[level] = (this.#next[level] ?? 0) + 1;
      if (hashes.length < TILE_WIDTH) return full;
      full.push(this.#tileOf(level));
      hash = rootOf(hashes, this.#sha256);
      this.#partial[level] = [];
    }
  }

  /** Partial tiles of the tree as it is. */
  partials(): Tile[] {
    const tiles: Tile[] = [];
    for (const [level, hashes] of this.#partial.entries()) if (hashes.length > 0) tiles.push(this.#tileOf(level));
    return tiles;
  }

  root(): Uint8Array {
    const subtrees: Uint8Array[] = [];
    for (const hashes of this.#partial.toReversed()) {
      for (const { start, end } of completeSubtrees({ start: 0, end: hashes.length })) {
        subtrees.push(rootOf(hashes.slice(start, end), this.#sha256));
      }
    }
    return foldRight(subtrees, this.#sha256);
  }

  #tileOf(level: number): Tile {
    const hashes = this.#partial[level]!;
    const index = (this.#next[level]! - hashes.length) / TILE_WIDTH;
    return { tile: { level, index, width: hashes.length }, bytes: concatBytes(...hashes) };
  }
}
