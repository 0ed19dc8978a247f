/** The tiles and bundles of a log on disk: restoring the edge of the signed tree, writing what a larger tree adds. */
import { hash } from 'node:crypto';
import { equalBytes } from '../protocol/bytes.ts';
import { Fault } from '../protocol/fault.ts';
import { HASH_LENGTH, hashLeaf } from '../protocol/merkle.ts';
import {
  encodeEntryBundle,
  partialTiles,
  TILE_WIDTH,
  type TileCoordinate,
  tileAt,
  tilePath,
} from '../protocol/tile-paths.ts';
import type { TreeHead } from '../protocol/tlog-tiles.ts';
import type { LogFiles } from './log-files.ts';
import type { LogState } from './log-state.ts';
import { type Tile, TreeEdge } from './tree-edge.ts';

/** SHA-256 by the platform, which is faster than the portable one. */
export const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');

/** Where a tree is kept. */
export interface TreeStore {
  readonly state: LogState;
  readonly files: LogFiles;
  readonly edge: TreeEdge;
}

/** The edge of the signed tree from its partial tiles, which must hash to the signed root and be of our entries. */
export async function readEdge(signed: TreeHead, files: LogFiles, state: LogState): Promise<TreeEdge> {
  if (state.count() < signed.size) throw new Fault('inconsistent', 'the state lacks entries of the signed tree');
  const edge = new TreeEdge(sha256);
  for (const tile of partialTiles(signed.size)) {
    const bytes = await files.read(tilePath(tile));
    if (bytes === undefined) throw new Fault('missing', 'a tile of the log is not there');
    if (bytes.length !== tile.width * HASH_LENGTH)
      throw new Fault('inconsistent', 'a tile of the log has a wrong size');
    edge.restore(
      tile,
      Array.from({ length: tile.width }, (_, i) => bytes.slice(HASH_LENGTH * i, HASH_LENGTH * (i + 1))),
    );
  }
  edge.restoreSize(signed.size);
  if (!equalBytes(edge.root(), signed.root)) throw new Fault('inconsistent', 'the tiles are not what was signed');
  return edge;
}

/** Files written at the same time. */
const WRITES_AT_ONCE = 32;

/**
 * Writes the bundles and tiles that a tree of `to` entries has and one of `from` has not, and moves the edge there. Sync
 * the files afterwards. Returns the tiles that became full.
 */
export async function writeTiles(
  { state, files, edge }: TreeStore,
  from: number,
  to: number,
): Promise<TileCoordinate[]> {
  const full: TileCoordinate[] = [];
  let waiting: Tile[] = [];
  const write = async (atLeast: number) => {
    if (waiting.length < atLeast) return;
    await Promise.all(waiting.map(({ tile, bytes }) => files.writeImmutable(tilePath(tile), bytes)));
    waiting = [];
  };
  for (let at = from; at < to; ) {
    const bundle = tileAt('entries', at, to);
    const start = bundle.index * TILE_WIDTH;
    const entries = state.range(start, start + bundle.width);
    const tiles = entries.slice(at - start).flatMap((entry) => edge.push(hashLeaf(entry, sha256)));
    if (bundle.width === TILE_WIDTH) full.push(bundle, ...tiles.map(({ tile }) => tile));
    waiting.push({ tile: bundle, bytes: encodeEntryBundle(entries) }, ...tiles);
    await write(WRITES_AT_ONCE);
    at = start + bundle.width;
  }
  waiting.push(...edge.partials());
  await write(0);
  return full;
}
