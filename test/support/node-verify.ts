/** Ed25519 verification by OpenSSL, for tests that verify thousands of times; agrees with ours on honest keys. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { encodeBase64Url } from '../../protocol/bytes.ts';
import type { Verify } from '../../protocol/cose.ts';

const keys = new Map<string, KeyObject | undefined>();
/** Answers given; a test that changes one part of many asks for the others again and again. */
const answers = new Map<string, boolean>();

/** Same contract as `verifyEd25519`: false for any malformed input. */
export const nodeVerify: Verify = (publicKey, message, signature) => {
  if (signature.length !== 64) return false;
  const question = [publicKey, signature, message].map((part) => Buffer.from(part).toString('latin1')).join('');
  let answer = answers.get(question);
  if (answer === undefined) {
    const key = keyOf(publicKey);
    answer = key !== undefined && verify(null, message, key, signature);
    if (answers.size >= 10_000) answers.clear();
    answers.set(question, answer);
  }
  return answer;
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
