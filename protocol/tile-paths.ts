/** Where the hashes and entries of a log lie (C2SP tlog-tiles): tile coordinates, paths, entry bundles. */
import { copyBytes } from './bytes.ts';
import { Fault } from './fault.ts';

/** Hashes in a full tile, and entries in a full bundle. C2SP tlog-tiles, Merkle Tree */
export const TILE_WIDTH = 256;

/** Largest entry: its length is a big-endian uint16. C2SP tlog-tiles, Log entries */
export const MAX_ENTRY_LENGTH = 0xffff;

/** One tile of hashes, or the bundle of entries under a tile of level 0. */
export interface TileCoordinate {
  readonly level: number | 'entries';
  readonly index: number;
  /** 1 to 255 for a partial tile, 256 for a full one. */
  readonly width: number;
}

/** `tile/<L>/<N>[.p/<W>]`, N in groups of three digits with `x` before all but the last. C2SP tlog-tiles, Merkle Tree */
export function tilePath({ level, index, width }: TileCoordinate): string {
  const groups: string[] = [];
  for (let rest = index; rest > 0 || groups.length === 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`${groups.length === 0 ? '' : 'x'}${String(rest % 1000).padStart(3, '0')}`);
  }
  return `tile/${level}/${groups.join('/')}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
}

/** The tile that holds leaf or hash number `position` of a level in a tree of this size. Throws `missing` past its end. */
export function tileAt(level: number | 'entries', position: number, treeSize: number): TileCoordinate {
  const hashes = hashesAt(level, treeSize);
  if (position < 0 || position >= hashes) throw new Fault('missing', 'the tree has no such hash');
  const index = Math.floor(position / TILE_WIDTH);
  return { level, index, width: Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH) };
}

/** The partial tile of each level that has one, highest level first: the right edge, from which the root follows. */
export function partialTiles(treeSize: number): TileCoordinate[] {
  const tiles: TileCoordinate[] = [];
  for (let level = 0; hashesAt(level, treeSize) > 0; level++) {
    const hashes = hashesAt(level, treeSize);
    const width = hashes % TILE_WIDTH; // floor(s / 256**l) mod 256
    if (width > 0) tiles.unshift({ level, index: Math.floor(hashes / TILE_WIDTH), width });
  }
  return tiles;
}

/** Tiles and bundles of a tree of `size2` that a tree of `size1` did not have or had in a smaller width. */
export function tilesBetween(size1: number, size2: number): TileCoordinate[] {
  const tiles: TileCoordinate[] = [];
  const levels: (number | 'entries')[] = ['entries'];
  for (let level = 0; hashesAt(level, size2) > 0; level++) levels.push(level);
  for (const level of levels) {
    const first = hashesAt(level, size1);
    const last = hashesAt(level, size2);
    for (let position = first; position < last; position = (Math.floor(position / TILE_WIDTH) + 1) * TILE_WIDTH) {
      tiles.push(tileAt(level, position, size2));
    }
  }
  return tiles;
}

/** Complete hashes at a level: each covers 256**level leaves. */
function hashesAt(level: number | 'entries', treeSize: number): number {
  return level === 'entries' ? treeSize : Math.floor(treeSize / TILE_WIDTH ** level);
}

/** Big-endian uint16 length before each entry. Throws `too-large` for an entry over 65,535 octets. */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const entry of entries) {
    if (entry.length > MAX_ENTRY_LENGTH) throw new Fault('too-large', 'an entry has at most 65,535 octets');
    length += 2 + entry.length;
  }
  const bundle = new Uint8Array(length);
  let at = 0;
  for (const entry of entries) {
    bundle[at] = entry.length >> 8;
    bundle[at + 1] = entry.length & 0xff;
    bundle.set(entry, at + 2);
    at += 2 + entry.length;
  }
  return bundle;
}

/** Entries of a bundle, 1 to 256 of them. Throws `malformed`. */
export function decodeEntryBundle(bundle: Uint8Array): Uint8Array[] {
  const entries: Uint8Array[] = [];
  let at = 0;
  while (at < bundle.length) {
    if (entries.length === TILE_WIDTH || at + 2 > bundle.length) throw new Fault('malformed', 'not an entry bundle');
    const end = at + 2 + bundle[at]! * 256 + bundle[at + 1]!;
    if (end > bundle.length) throw new Fault('malformed', 'entry bundle ends inside an entry');
    entries.push(copyBytes(bundle, at + 2, end));
    at = end;
  }
  if (entries.length === 0) throw new Fault('malformed', 'an entry bundle is not empty');
  return entries;
}
