/** Small secret files that are either whole and on disk, or not there. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder that only its owner can enter (0700), and its parents. Their names are durable when it returns, also
 * those that an earlier start made and was killed before it could sync them: a power cut that takes a folder away takes
 * what was synced in it along.
 */
export function makePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  let at = resolve(path);
  while (at !== dirname(at) && isSynced(dirname(at))) at = dirname(at);
}

/** Durable when it returns: temporary file, fsync, rename, fsync of the folder. Mode 0600. */
export function writeDurably(path: string, text: string): void {
  const temporary = `${path}.new`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  syncFolder(dirname(path));
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
