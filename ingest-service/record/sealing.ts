/**
 * Encryption at rest: AES-256-GCM with 96-bit random nonces and 128-bit tags. Key tree: key-encryption key (a file) ->
 * one key per patient -> one key per segment. Destroying a key destroys what it sealed.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { encodeUtf8 } from '../../protocol/bytes.ts';
import { Fault } from '../../protocol/fault.ts';

const NONCE = 12;
const TAG = 16;

/** A fresh 256-bit key. */
export function createKey(): Uint8Array {
  return new Uint8Array(randomBytes(32));
}

/** nonce || ciphertext || tag; `purpose` is bound in as AAD, so that no sealed thing can stand in for another. */
export function sealBytes(key: Uint8Array, purpose: string, plaintext: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG });
  cipher.setAAD(encodeUtf8(purpose));
  return new Uint8Array(Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]));
}

/** Reverse of {@link sealBytes}. Throws `inconsistent`: the bytes were altered, moved, or sealed with another key. */
export function openBytes(key: Uint8Array, purpose: string, sealed: Uint8Array): Uint8Array {
  return openAead(key, encodeUtf8(purpose), sealed);
}

/** The plaintext of nonce || ciphertext || tag (NIST SP 800-38D §7.2). Throws `inconsistent`. */
export function openAead(key: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array {
  if (sealed.length < NONCE + TAG) throw new Fault('inconsistent', 'stored bytes are too short');
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE), { authTagLength: TAG });
    decipher.setAAD(aad);
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG));
    const plaintext = decipher.update(sealed.subarray(NONCE, sealed.length - TAG));
    return new Uint8Array(Buffer.concat([plaintext, decipher.final()]));
  } catch {
    throw new Fault('inconsistent', 'stored bytes do not open');
  }
}
