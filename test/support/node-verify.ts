/** Ed25519 verification by OpenSSL, for tests that verify thousands of times; agrees with ours on honest keys. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { encodeBase64Url } from '../../protocol/bytes.ts';
import type { Verify } from '../../protocol/cose.ts';

const keys = new Map<string, KeyObject | undefined>();

/** Same contract as `verifyEd25519`: false for any malformed input. */
export const nodeVerify: Verify = (publicKey, message, signature) => {
  const key = keyOf(publicKey);
  return key !== undefined && signature.length === 64 && verify(null, message, key, signature);
};

function keyOf(publicKey: Uint8Array): KeyObject | undefined {
  const x = encodeBase64Url(publicKey);
  if (!keys.has(x)) keys.set(x, importKey(x));
  return keys.get(x);
}

function importKey(x: string): KeyObject | undefined {
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  } catch {
    return undefined;
  }
}
