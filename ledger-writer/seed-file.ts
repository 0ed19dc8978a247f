/** A signing key as a file: 32-octet seed in hex, for its owner only, made once, never over another. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { makeDurableFolder, syncFolder } from '../journal/durable-folder.ts';
import { decodeHex, encodeHex } from '../protocol/bytes.ts';
import { Fault } from '../protocol/fault.ts';

export interface FirstStart {
  /** Where the key is once its state is there. */
  readonly path: string;
  /** True when something is there that an earlier key has signed for. */
  readonly isUsed: () => boolean;
  /** 32 random octets. */
  readonly newSeed: () => Uint8Array;
}

/**
 * Opens what a key signs for, `open(seed, first)`. The first start makes both, in an order that a crash cannot confuse: a
 * provisional key, what it signs for, and only then the key under its name. So where the key is, its state was: `first` is
 * false then, and `open` must not make another. Throws `missing` where the state is and the key is not, `wrong-key` for a
 * file that others may read or that holds no key.
 */
export async function openWithSeed<T>(
  { path, isUsed, newSeed }: FirstStart,
  open: (seed: Uint8Array, first: boolean) => T | Promise<T>,
): Promise<T> {
  const provisional = `${path}.new`;
  if (existsSync(path)) {
    rmSync(provisional, { force: true });
    return open(readSeed(path), false);
  }
  if (!existsSync(provisional)) {
    if (isUsed()) throw new Fault('missing', 'the key is not there');
    makeOnce(provisional, encodeHex(newSeed()));
  }
  const opened = await open(readSeed(provisional), true);
  // Not renamed: a power cut could leave a key without any name, where the file system keeps each name for itself.
  linkSync(provisional, path);
  syncFolder(dirname(path));
  unlinkSync(provisional);
  return opened;
}

/** 32 octets of a key from a file that holds them in hex. Throws `wrong-key` also for one that others may read. */
export function readSeed(path: string): Uint8Array {
  if ((statSync(path).mode & 0o077) !== 0)
    throw new Fault('wrong-key', 'the key file must be readable by its owner only');
  const text = readFileSync(path, 'utf8').trim();
  if (!/^[0-9a-f]{64}$/.test(text)) throw new Fault('wrong-key', 'the key file does not hold 32 octets in hex');
  return decodeHex(text);
}

/** Durable, whole, and never over a file that another start made in the meantime. */
function makeOnce(path: string, line: string): void {
  const own = `${path}.${process.pid}`;
  writeDurably(own, line, 0o600);
  try {
    linkSync(own, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(own);
  }
  syncFolder(dirname(path));
}

/** Writes one line atomically; durable on return. */
export function writeDurably(path: string, line: string, mode: number): void {
  makeDurableFolder(dirname(path));
  const temporary = `${path}.tmp`;
  const file = openSync(temporary, 'w', mode);
  try {
    writeSync(file, `${line}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  syncFolder(dirname(path));
}
