/** Reads a log directory as a stranger does: from its files and the log's public key alone. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Checkpoint, openCheckpoint } from '../../protocol/checkpoint.ts';
import type { NoteKey } from '../../protocol/signed-note.ts';
import { type BoundTiles, bindTiles, type ReadTile } from '../../protocol/tlog-tiles.ts';

export const readerOf =
  (directory: string): ReadTile =>
  (path) =>
    existsSync(join(directory, path)) ? new Uint8Array(readFileSync(join(directory, path))) : undefined;

export function readCheckpoint(directory: string, key: NoteKey): Checkpoint {
  return openCheckpoint(readFileSync(join(directory, 'checkpoint'), 'utf8'), [key], key.name).checkpoint;
}

export async function bindLog(directory: string, key: NoteKey): Promise<BoundTiles> {
  return bindTiles(readCheckpoint(directory, key), readerOf(directory));
}

/** Every entry of the log, each compared with the signed root. */
export async function readEntries(directory: string, key: NoteKey): Promise<Uint8Array[]> {
  const tiles = await bindLog(directory, key);
  const entries: Uint8Array[] = [];
  for (let index = 0; index < tiles.head.size; index++) entries.push(await tiles.entry(index));
  return entries;
}
