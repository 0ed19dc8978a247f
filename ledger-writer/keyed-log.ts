/** The log of a data directory with its key: which of them may be created, and when. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { decodeHex, encodeHex } from '../protocol/bytes.ts';
import { Fault } from '../protocol/fault.ts';
import { encodeVerifierKey } from '../protocol/signed-note.ts';
import { type Log, type LogConfig, openLog } from './log.ts';

export interface KeyedLogConfig extends Pick<LogConfig, 'directory' | 'origin' | 'faults'> {
  /** Holds `log.key` (32-octet seed in hex, 0600), the log's state, and `log.vkey`, the public key to hand out. */
  readonly keyDirectory: string;
  /** 32 random octets, for the first start. */
  readonly newSeed: () => Uint8Array;
}

/**
 * Opens the log with its key. The first start makes both, in an order that a crash cannot confuse: a provisional key,
 * the log, and only then the key under its name. So where `log.key` is, a log was; if the log is gone then, this throws
 * `missing` and starts no second log with the same key, which would be a fork. Throws what {@link openLog} throws, and
 * `wrong-key` for a key file that others may read or that holds no key.
 */
export async function openKeyedLog(config: KeyedLogConfig): Promise<Log> {
  const { keyDirectory, newSeed, ...log } = config;
  const key = join(keyDirectory, 'log.key');
  const provisional = join(keyDirectory, 'log.key.new');
  const state = join(keyDirectory, 'log-state.sqlite');
  if (existsSync(key)) return withVerifierKey(keyDirectory, await openLog({ ...log, state, seed: readSeed(key) }));
  if (!existsSync(provisional)) {
    if (existsSync(state) || existsSync(join(log.directory, 'checkpoint'))) {
      throw new Fault('missing', 'the key of the log is not there');
    }
    makeOnce(provisional, encodeHex(newSeed()));
  }
  const opened = await openLog({ ...log, state, seed: readSeed(provisional), create: true });
  renameSync(provisional, key);
  syncDirectory(keyDirectory);
  return withVerifierKey(keyDirectory, opened);
}

/** Keeps the public key as the text that other tools take (`name+id+base64`) beside the secret one. */
function withVerifierKey(keyDirectory: string, log: Log): Log {
  writeDurably(join(keyDirectory, 'log.vkey'), encodeVerifierKey(log.key), 0o644);
  return log;
}

function readSeed(path: string): Uint8Array {
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
  syncDirectory(dirname(path));
}

function writeDurably(path: string, line: string, mode: number): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.tmp`;
  const file = openSync(temporary, 'w', mode);
  try {
    writeSync(file, `${line}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  syncDirectory(dirname(path));
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
