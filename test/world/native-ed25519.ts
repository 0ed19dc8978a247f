/**
 * `protocol/ed25519.ts` with OpenSSL under it: the same signatures and the same verdicts, ten times as fast, so that a
 * night has twice the seeds. That the two agree is tested.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { encodeHex } from '../../protocol/bytes.ts';
import { assertPublicKey, SIGNATURE_LENGTH } from '../../protocol/ed25519.ts';

export { assertPublicKey, KEY_LENGTH, publicKeyOf, SIGNATURE_LENGTH } from '../../protocol/ed25519.ts';

/** What stands before the 32 octets in SubjectPublicKeyInfo and in PKCS #8 (RFC 8410 §4, §7). */
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The identity, encoded: the one nonce point of small order that an honest key can be made to meet. */
const IDENTITY = `01${'00'.repeat(31)}`;

const keys = new Map<string, KeyObject>();

function keyOf(octets: Uint8Array, make: (octets: Uint8Array) => KeyObject): KeyObject {
  const name = make.name + encodeHex(octets);
  const key = keys.get(name) ?? make(octets);
  keys.set(name, key);
  return key;
}

function publicKey(octets: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, octets]), format: 'der', type: 'spki' });
}

function privateKey(octets: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, octets]), format: 'der', type: 'pkcs8' });
}

/** See `protocol/ed25519.ts`. */
export function verifyEd25519(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_LENGTH || encodeHex(signature.subarray(0, 32)) === IDENTITY) return false;
  try {
    assertPublicKey(key);
  } catch {
    return false;
  }
  return verify(null, message, keyOf(key, publicKey), signature);
}

/** See `protocol/ed25519.ts`. */
export function signEd25519(seed: Uint8Array, message: Uint8Array): Uint8Array {
  if (seed.length !== 32) throw new RangeError('a seed has 32 octets');
  return new Uint8Array(sign(null, message, keyOf(seed, privateKey)));
}
