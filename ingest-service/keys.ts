/**
 * The service's own secrets, in one folder: signing key, HPKE key pair, key-encryption key, inbox key. Made on the first
 * start, never again: a missing key beside existing data is an accident that a new key would make worse.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeDurableFolder, syncFolder } from '../journal/durable-folder.ts';
import { decodeHex, encodeHex } from '../protocol/bytes.ts';
import { createSigner, type Signer } from '../protocol/cose.ts';
import { Fault } from '../protocol/fault.ts';

export interface ServiceKeys {
  readonly signer: Signer;
  /** X25519 private key, 32 octets, for HPKE. */
  readonly hpkeSecret: Uint8Array;
  /** Seals patients' keys and staff profiles. */
  readonly keyEncryptionKey: Uint8Array;
  /** Seals what waits in the inbox. */
  readonly inboxKey: Uint8Array;
}

/** Loads the keys, or makes them when `fresh` (there is no data yet). Throws `missing`. */
export function openServiceKeys(folder: string, fresh: boolean): ServiceKeys {
  makeDurableFolder(folder);
  const load = (name: string) => loadSecret(join(folder, `${name}.key`), fresh);
  return {
    signer: createSigner(load('service')),
    hpkeSecret: load('hpke'),
    keyEncryptionKey: load('kek'),
    inboxKey: load('inbox'),
  };
}

function loadSecret(path: string, fresh: boolean): Uint8Array {
  if (existsSync(path)) {
    const secret = decodeHex(readFileSync(path, 'utf8').trim());
    if (secret.length !== 32) throw new Fault('malformed', 'a key file does not hold 32 octets');
    return secret;
  }
  if (!fresh) throw new Fault('missing', `a key file is missing beside existing data; restore it from a backup`);
  const secret = new Uint8Array(randomBytes(32));
  writeDurably(path, `${encodeHex(secret)}\n`);
  return secret;
}

/** Durable before it returns: temporary file, fsync, rename, fsync of the folder. Mode 0600. */
function writeDurably(path: string, text: string): void {
  const temporary = `${path}.new`;
  const file = openSync(temporary, 'w', 0o600);
  writeSync(file, text);
  fsyncSync(file);
  closeSync(file);
  renameSync(temporary, path);
  syncFolder(dirname(path));
}
