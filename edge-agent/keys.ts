/**
 * The agent's three secrets, one file each (0600) in a folder of their own (0700): the Ed25519 signing key, which never
 * leaves the machine, the key that encrypts what is pending, and the key that recognises doubles. Made on the first
 * start and never again: a new key beside old data would orphan that data or begin a second history.
 */
import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeHex, encodeHex } from '../protocol/bytes.ts';
import { createSigner, type Signer } from '../protocol/cose.ts';
import { Fault } from '../protocol/fault.ts';
import { type AgentId, agentIdOf, thumbprint } from '../protocol/keys.ts';
import { makePrivateFolder, writeDurably } from './durable-file.ts';

export interface AgentKeys {
  /** Text form of `agent`: MQTT user name, client id and part of the topics. */
  readonly id: AgentId;
  /** Thumbprint of the public key, 32 octets. */
  readonly agent: Uint8Array;
  readonly signer: Signer;
  /** AES-256 key for what is pending, 32 octets. */
  readonly storageKey: Uint8Array;
  /** HMAC-SHA256 key for doubles. */
  readonly doublesKey: KeyObject;
}

/**
 * Loads the keys. Those that are missing are made when `fresh`, which is when the agent has no state yet.
 * Throws `missing` (naming the file) and `malformed`.
 */
export function openKeys(folder: string, fresh: boolean): AgentKeys {
  makePrivateFolder(folder);
  const load = (name: string) => loadSecret(join(folder, name), fresh);
  const signer = createSigner(load('signing.key'));
  return {
    id: agentIdOf(signer.publicKey),
    agent: thumbprint(signer.publicKey),
    signer,
    storageKey: load('storage.key'),
    doublesKey: createSecretKey(load('doubles.key')),
  };
}

function loadSecret(path: string, fresh: boolean): Uint8Array {
  if (existsSync(path)) {
    const text = readFileSync(path, 'utf8').trim();
    if (!/^[0-9a-f]{64}$/.test(text)) throw new Fault('malformed', `${path} does not hold a key of 32 octets`);
    return decodeHex(text);
  }
  if (!fresh) {
    throw new Fault('missing', `${path} is missing beside the agent's existing state; restore it from a backup`);
  }
  const secret = new Uint8Array(randomBytes(32));
  writeDurably(path, `${encodeHex(secret)}\n`);
  return secret;
}
