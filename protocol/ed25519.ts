/**
 * Ed25519 (RFC 8032 §5.1), strict: one signature has one meaning on every machine. Verification uses the
 * equation without cofactor, as OpenSSL and Go do (libraries differ here, so it is written out below), and refuses keys
 * and nonce points that are not canonical, of small order or outside the prime-order group.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concatBytes, encodeHex, equalBytes } from './bytes.ts';
import { Fault } from './fault.ts';

/** Octets of a public key and of a secret seed. */
export const KEY_LENGTH = 32;

/** Octets of a signature. */
export const SIGNATURE_LENGTH = 64;

const { Point } = ed25519;

/** Keys that passed {@link assertPublicKey}, by their latin-1 text; a service meets the same few keys over and over. */
const checked = new Set<string>();
const CHECKED_LIMIT = 4096;

/**
 * Throws `wrong-key` unless the 32 octets are the canonical encoding (RFC 8032 §5.1.3) of a point of the prime-order
 * group other than the identity. An identity or small-order key "verifies" messages that nobody signed.
 */
export function assertPublicKey(publicKey: Uint8Array): void {
  if (!isPublicKey(publicKey)) throw new Fault('wrong-key', 'not an acceptable Ed25519 public key');
}

function isPublicKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== KEY_LENGTH) return false;
  const text = String.fromCharCode(...publicKey);
  if (checked.has(text)) return true;
  if (!isPrimeOrder(publicKey)) return false;
  if (checked.size >= CHECKED_LIMIT) checked.clear();
  checked.add(text);
  return true;
}

/** RFC 8032 §5.1.3 with y < p and no negative zero, then order exactly L. */
function isPrimeOrder(encoded: Uint8Array): boolean {
  try {
    const point = Point.fromBytes(encoded, false);
    return !point.isSmallOrder() && point.isTorsionFree();
  } catch {
    return false;
  }
}

/**
 * True when the signature of the message is valid under the key. Any malformed key or signature is false, never thrown.
 */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_LENGTH || !isPublicKey(publicKey)) return false;
  const nonce = signature.subarray(0, 32);
  const s = littleEndian(signature.subarray(32)); // RFC 8032 §5.1.7 step 1
  if (s >= Point.Fn.ORDER) return false;
  const k = Point.Fn.create(littleEndian(sha512(concatBytes(nonce, publicKey, message)))); // step 2
  // Step 3 without the cofactor: R = [S]B - [k]A. A has prime order, so R is of small order only when it is the identity.
  const expected = Point.BASE.multiplyUnsafe(s).subtract(Point.fromBytes(publicKey, false).multiplyUnsafe(k));
  return !expected.is0() && equalBytes(expected.toBytes(), nonce);
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${encodeHex(bytes.toReversed())}`);
}

/** The public key of a 32-octet seed (RFC 8032 §5.1.5). */
export function publicKeyOf(seed: Uint8Array): Uint8Array {
  assertSeed(seed);
  return ed25519.getPublicKey(seed);
}

/** The 64-octet signature of the message (RFC 8032 §5.1.6). */
export function signEd25519(seed: Uint8Array, message: Uint8Array): Uint8Array {
  assertSeed(seed);
  return ed25519.sign(message, seed);
}

function assertSeed(seed: Uint8Array): void {
  if (seed.length !== KEY_LENGTH) throw new Fault('wrong-key', 'an Ed25519 seed has 32 octets');
}
