/** The log of a data directory with its key: which of them may be created, and when. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { encodeVerifierKey } from '../protocol/signed-note.ts';
import { type Log, type LogConfig, openLog } from './log.ts';
import { openWithSeed, writeDurably } from './seed-file.ts';

export interface KeyedLogConfig extends Omit<LogConfig, 'state' | 'seed' | 'create'> {
  /** Holds `log.key` (32-octet seed in hex, 0600), the log's state, and `log.vkey`, the public key to hand out. */
  readonly keyDirectory: string;
  /** 32 random octets, for the first start. */
  readonly newSeed: () => Uint8Array;
}

/**
 * Opens the log with its key, or makes both. If the log is gone where its key is, this throws `missing` and starts no
 * second log with the same key, which would be a fork. Throws what {@link openLog} and {@link openWithSeed} throw.
 */
export async function openKeyedLog(config: KeyedLogConfig): Promise<Log> {
  const { keyDirectory, newSeed, ...rest } = config;
  const state = join(keyDirectory, 'log-state.sqlite');
  const isUsed = () => existsSync(state) || existsSync(join(rest.directory, 'checkpoint'));
  const log = await openWithSeed({ path: join(keyDirectory, 'log.key'), isUsed, newSeed }, (seed, create) =>
    openLog({ ...rest, state, seed, create }),
  );
  // The text that other tools take (`name+id+base64`), beside the secret.
  writeDurably(join(keyDirectory, 'log.vkey'), encodeVerifierKey(log.key), 0o644);
  return log;
}
