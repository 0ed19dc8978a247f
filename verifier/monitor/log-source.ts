/** The public files of a log, in a folder or behind a URL, read as any outsider reads them. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReadTile } from '../../protocol/tlog-tiles.ts';

/** The log cannot be read now, which says nothing about what it holds. */
export class Unreachable extends Error {}

/** Octets of a full bundle of the longest entries there are; nothing else of a log is larger. */
const MAX_FILE = 256 * (2 + 0xffff);

/** Absent files are undefined; everything else that fails is {@link Unreachable}. */
export function openSource(where: string, timeoutMs: number): ReadTile {
  return /^https?:\/\//.test(where) ? urlSource(where.replace(/\/$/, ''), timeoutMs) : folderSource(where);
}

function folderSource(folder: string): ReadTile {
  return async (path) => {
    try {
      const file = await open(join(folder, path));
      try {
        if ((await file.stat()).size > MAX_FILE) throw new Unreachable('a file is larger than any of a log');
        return new Uint8Array(await file.readFile());
      } finally {
        await file.close();
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw error instanceof Unreachable ? error : new Unreachable(`reading failed: ${code ?? 'unknown'}`);
    }
  };
}

function urlSource(prefix: string, timeoutMs: number): ReadTile {
  return async (path) => {
    try {
      const signal = AbortSignal.timeout(timeoutMs);
      const headers = path === 'checkpoint' ? { 'cache-control': 'no-cache' } : {};
      const answer = await fetch(`${prefix}/${path}`, { signal, redirect: 'error', headers });
      if (answer.status === 404) {
        await answer.body?.cancel();
        return undefined;
      }
      if (answer.status !== 200) throw new Unreachable(`answered ${answer.status}`);
      const chunks: Uint8Array[] = [];
      let length = 0;
      for await (const chunk of answer.body ?? []) {
        length += chunk.length;
        if (length > MAX_FILE) throw new Unreachable('a file is larger than any of a log');
        chunks.push(chunk);
      }
      return new Uint8Array(Buffer.concat(chunks));
    } catch (error) {
      throw error instanceof Unreachable ? error : new Unreachable('no answer');
    }
  };
}
