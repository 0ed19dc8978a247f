/** The signing key that is to follow, and the broker password that goes with it, until both are in their places. */
import { randomBytes } from 'node:crypto';
import { decodeHex, encodeBase64Url, encodeHex } from '../protocol/bytes.ts';
import { Fault } from '../protocol/fault.ts';
import type { SecretFiles } from './secret-files.ts';

export interface NextKey {
  /** 32 octets. */
  readonly seed: Uint8Array;
  readonly password: string;
}

export const NEXT_KEY = 'signing.next';

/** The one that is there; `undefined` where there is none. Throws `malformed`, `encrypted`. */
export function loadNextKey(files: SecretFiles): NextKey | undefined {
  if (!files.has(NEXT_KEY)) return undefined;
  const [seed = '', password = ''] = files.read(NEXT_KEY).trim().split('\n');
  if (!/^[0-9a-f]{64}$/.test(seed) || !/^[\w-]{43}$/.test(password)) {
    throw new Fault('malformed', `${files.path(NEXT_KEY)} does not hold a key and its password`);
  }
  return { seed: decodeHex(seed), password };
}

/** Makes one, unless it is there. Durable when it returns. */
export function makeNextKey(files: SecretFiles): NextKey {
  const known = loadNextKey(files);
  if (known) return known;
  const next = { seed: new Uint8Array(randomBytes(32)), password: encodeBase64Url(randomBytes(32)) };
  files.write(NEXT_KEY, `${encodeHex(next.seed)}\n${next.password}\n`);
  return next;
}
