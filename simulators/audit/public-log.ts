/** The log as any outsider reads it: its files and its public key. The tree is built again from the entries. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeHex, equalBytes } from '../../protocol/bytes.ts';
import { type Checkpoint, openCheckpoint } from '../../protocol/checkpoint.ts';
import { isFault } from '../../protocol/fault.ts';
import { hashLeaf, rootOf } from '../../protocol/merkle.ts';
import { type NoteKey, parseVerifierKey } from '../../protocol/signed-note.ts';
import { decodeEntryBundle, TILE_WIDTH, tileAt, tilePath } from '../../protocol/tile-paths.ts';
import { bindTiles, type ReadTile } from '../../protocol/tlog-tiles.ts';
import type { Check } from './check.ts';

export interface PublicLog {
  readonly key: NoteKey;
  readonly size: number;
  /** Every index at which an entry (hex) stands; more than one is one too many. */
  readonly indexesOf: ReadonlyMap<string, readonly number[]>;
  /** Text of the checkpoint. */
  readonly note: string;
}

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());

/**
 * Reads the log below a data directory. What is wrong goes to `check`; `undefined` when there is nothing to compare with
 * any more. `seen`: checkpoints that the auditor saw earlier, which this log must extend.
 */
export async function readPublicLog(
  data: string,
  seen: readonly string[],
  check: Check,
): Promise<PublicLog | undefined> {
  const keyFile = join(data, 'keys', 'log', 'log.vkey');
  const readTile: ReadTile = (path) => {
    const file = join(data, 'log', path);
    return existsSync(file) ? new Uint8Array(readFileSync(file)) : undefined;
  };
  try {
    const key = parseVerifierKey(readFileSync(keyFile, 'utf8').trim());
    const note = readFileSync(join(data, 'log', 'checkpoint'), 'utf8');
    const { checkpoint } = openCheckpoint(note, [key], key.name);
    const { entries, isWhole } = await readEntries(checkpoint, readTile, check);
    check.looked(entries.length);
    const hashes = entries.map((entry) => hashLeaf(entry, sha256));
    if (isWhole && !equalBytes(rootOf(hashes, sha256), checkpoint.root)) {
      check.wrong('the tree built again from the entries has another root than the checkpoint signs');
    }
    for (const earlier of seen) compareWithEarlier(earlier, key, hashes, check);
    return { key, size: checkpoint.size, note, indexesOf: indexesOf(entries) };
  } catch (error) {
    check.wrong(`the log cannot be read: ${isFault(error) ? `${error.code}, ${error.message}` : codeOf(error)}`);
    return undefined;
  }
}

async function readEntries({ size, root }: Checkpoint, readTile: ReadTile, check: Check) {
  const entries: Uint8Array[] = [];
  const tiles = await bindTiles({ size, root }, readTile, sha256).catch((error: unknown) => {
    check.wrong(`the tiles are not those of the checkpoint: ${isFault(error) ? error.message : codeOf(error)}`);
    return undefined;
  });
  let isWhole = true;
  for (let start = 0; start < size; start += TILE_WIDTH) {
    const tile = tileAt('entries', start, size);
    const bytes = (await readTile(tilePath(tile))) ?? (await readTile(tilePath({ ...tile, width: TILE_WIDTH })));
    const bundle = bytes === undefined ? [] : decodeBundle(bytes);
    if (bundle.length < tile.width) {
      check.wrong(`the checkpoint signs ${size} entries, and entries from ${start + bundle.length} on are not there`);
      isWhole = false;
    }
    for (const [i, entry] of bundle.slice(0, tile.width).entries()) {
      entries.push(entry);
      if (tiles && !equalBytes(hashLeaf(entry, sha256), await leafHash(tiles, start + i))) {
        check.wrong(`entry ${start + i} is not the one whose hash is in the tree`);
      }
    }
  }
  return { entries, isWhole };
}

async function leafHash(tiles: Awaited<ReturnType<typeof bindTiles>>, index: number): Promise<Uint8Array> {
  return tiles.leafHash(index).catch((error: unknown) => {
    if (isFault(error)) return new Uint8Array(0);
    throw error;
  });
}

function decodeBundle(bytes: Uint8Array): Uint8Array[] {
  try {
    return decodeEntryBundle(bytes);
  } catch (error) {
    if (isFault(error)) return [];
    throw error;
  }
}

function compareWithEarlier(earlier: string, key: NoteKey, hashes: readonly Uint8Array[], check: Check): void {
  try {
    const { size, root } = openCheckpoint(earlier, [key], key.name).checkpoint;
    check.looked();
    if (size > hashes.length) check.wrong(`a checkpoint of ${size} entries was seen earlier, now there are fewer`);
    else if (!equalBytes(rootOf(hashes.slice(0, size), sha256), root)) {
      check.wrong(`the checkpoint of ${size} entries that was seen earlier is of another history`);
    }
  } catch (error) {
    if (!isFault(error)) throw error;
    check.wrong(`a checkpoint that was seen earlier is not of this log's key: ${error.code}`);
  }
}

function indexesOf(entries: readonly Uint8Array[]): Map<string, number[]> {
  const indexes = new Map<string, number[]>();
  for (const [index, entry] of entries.entries()) {
    const hex = encodeHex(entry);
    const known = indexes.get(hex);
    if (known) known.push(index);
    else indexes.set(hex, [index]);
  }
  return indexes;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'failed';
}
