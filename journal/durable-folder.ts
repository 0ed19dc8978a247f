/** Folders that are still there after a power cut. A file that was synced in one that was not is gone with it. */
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder that only its owner can enter (0700), and its parents. Their names are durable when it returns, also
 * those that an earlier start made and was killed before it could sync them.
 */
export function makeDurableFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  let at = resolve(path);
  while (at !== dirname(at) && isSynced(dirname(at))) at = dirname(at);
}

/** Makes what was created or renamed in a folder survive a power cut. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** False for a folder that is not ours to read: we made nothing in it. */
function isSynced(path: string): boolean {
  try {
    syncFolder(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return false;
    throw error;
  }
}
