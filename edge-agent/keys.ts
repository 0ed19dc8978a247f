/**
 * The agent's three secrets, one file each (0600) in a folder of their own (0700): the Ed25519 signing key, which never
 * leaves the machine, the key that encrypts what is pending, and the key that recognises doubles. Made on the first
 * start, and only the signing key is ever replaced (rotation.ts): a new key beside old data would orphan that data or
 * begin a second history.
 */
import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { decodeHex, encodeHex } from '../protocol/bytes.ts';
import { createSigner, type Signer } from '../protocol/cose.ts';
import { Fault } from '../protocol/fault.ts';
import { type AgentId, agentIdOf, thumbprint } from '../protocol/keys.ts';
import type { SecretFiles } from './secret-files.ts';

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

/** Name of the signing key's file. */
export const SIGNING_KEY = 'signing.key';

/**
 * Loads the keys. Those that are missing are made when `fresh`, which is when the agent has no state yet.
 * Throws `missing` (naming the file), `malformed`, and `encrypted` (the host key is missing, or another one).
 */
export function openKeys(files: SecretFiles, fresh: boolean): AgentKeys {
  const load = (name: string) => loadSecret(files, name, fresh);
  const signer = createSigner(load(SIGNING_KEY));
  return {
    id: agentIdOf(signer.publicKey),
    agent: thumbprint(signer.publicKey),
    signer,
    storageKey: load('storage.key'),
    doublesKey: createSecretKey(load('doubles.key')),
  };
}

function loadSecret(files: SecretFiles, name: string, fresh: boolean): Uint8Array {
  if (files.has(name)) return readSecret(files, name);
  if (!fresh) {
    const path = files.path(name);
    throw new Fault('missing', `${path} is missing beside the agent's existing state; restore it from a backup`);
  }
  const secret = new Uint8Array(randomBytes(32));
  writeSecret(files, name, secret);
  return secret;
}

/** Throws `malformed`, `encrypted`. */
function readSecret(files: SecretFiles, name: string): Uint8Array {
  const text = files.read(name).trim();
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new Fault('malformed', `${files.path(name)} does not hold a key of 32 octets`);
  }
  return decodeHex(text);
}

/** Durable when it returns. */
export function writeSecret(files: SecretFiles, name: string, secret: Uint8Array): void {
  files.write(name, `${encodeHex(secret)}\n`);
}
