/** The log's public files on this machine, read as any outsider would read them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ReadTile } from '../protocol/tlog-tiles.ts';

/** `directory` holds `checkpoint` and `tile/` (C2SP tlog-tiles). */
export function openLogReader(directory: string): ReadTile {
  return (path) => {
    try {
      return new Uint8Array(readFileSync(join(directory, path)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  };
}
