import { createPublicKey, verify as platformVerify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ed25519 } from '@noble/curves/ed25519.js';
import { describe, expect, it } from 'vitest';
import { concatBytes, decodeHex, encodeHex } from '../../protocol/bytes.ts';
import { assertPublicKey, publicKeyOf, signEd25519, verifyEd25519 } from '../../protocol/ed25519.ts';
import { SMALL_ORDER } from '../support/ed25519-verdicts.ts';

interface Wycheproof {
  readonly numberOfTests: number;
  readonly testGroups: readonly {
    readonly publicKey: { readonly pk: string };
    readonly tests: readonly { tcId: number; msg: string; sig: string; result: 'valid' | 'invalid' }[];
  }[];
}

const wycheproof = JSON.parse(
  readFileSync(new URL('../vectors/wycheproof/ed25519_test.json', import.meta.url), 'utf8'),
) as Wycheproof;

const seed = new Uint8Array(32).fill(9);
const publicKey = publicKeyOf(seed);
const message = new TextEncoder().encode('the message');

describe('verifyEd25519', () => {
  it('gives the published result for every Wycheproof vector', () => {
    let count = 0;
    for (const group of wycheproof.testGroups) {
      const key = decodeHex(group.publicKey.pk);
      for (const { tcId, msg, sig, result } of group.tests) {
        expect(verifyEd25519(key, decodeHex(msg), decodeHex(sig)), `tcId ${tcId}`).toBe(result === 'valid');
        count++;
      }
    }
    expect(count).toBe(wycheproof.numberOfTests);
  });

  it('takes RFC 8032 §7.1 test 2 and signs it the same way', () => {
    const rfcSeed = decodeHex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb');
    const key = decodeHex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c');
    const signature = signEd25519(rfcSeed, decodeHex('72'));
    expect(encodeHex(publicKeyOf(rfcSeed))).toBe(encodeHex(key));
    expect(encodeHex(signature)).toMatch(/^92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da/);
    expect(verifyEd25519(key, decodeHex('72'), signature)).toBe(true);
  });

  it('refuses each flipped bit of signature and key', () => {
    const signature = signEd25519(seed, message);
    for (let bit = 0; bit < 512; bit += 7) {
      const bad = signature.slice();
      bad[bit >> 3]! ^= 1 << (bit & 7);
      expect(verifyEd25519(publicKey, message, bad), `bit ${bit}`).toBe(false);
    }
    for (let bit = 0; bit < 256; bit += 7) {
      const bad = publicKey.slice();
      bad[bit >> 3]! ^= 1 << (bit & 7);
      expect(verifyEd25519(bad, message, signature), `bit ${bit}`).toBe(false);
    }
  });

  it('never throws for bytes of a wrong size', () => {
    expect(verifyEd25519(new Uint8Array(0), message, new Uint8Array(0))).toBe(false);
    expect(verifyEd25519(publicKey, message, new Uint8Array(63))).toBe(false);
    expect(verifyEd25519(new Uint8Array(33), message, new Uint8Array(64))).toBe(false);
  });

  it('refuses small-order keys and nonce points in every spelling', () => {
    for (const hex of SMALL_ORDER) {
      const point = decodeHex(hex);
      expect(() => assertPublicKey(point), hex).toThrow('not an acceptable');
      const zero = concatBytes(point, new Uint8Array(32));
      expect(verifyEd25519(point, message, zero), hex).toBe(false);
      expect(verifyEd25519(publicKey, message, zero), hex).toBe(false);
    }
  });

  it('refuses a key with a torsion component, which lenient verifiers take', () => {
    const torsion = ed25519.Point.fromBytes(decodeHex(SMALL_ORDER[9]!));
    const mixed = ed25519.Point.fromBytes(publicKey).add(torsion).toBytes();
    expect(() => assertPublicKey(mixed)).toThrow('not an acceptable');
  });

  it('agrees with the platform on honest signatures', () => {
    const signature = signEd25519(seed, message);
    const key = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey).toString('base64url') },
      format: 'jwk',
    });
    expect(platformVerify(null, message, key, signature)).toBe(true);
    expect(verifyEd25519(publicKey, message, signature)).toBe(true);
  });

  it('refuses a seed of a wrong size', () => {
    expect(() => publicKeyOf(new Uint8Array(31))).toThrow('32 octets');
    expect(() => signEd25519(new Uint8Array(64), message)).toThrow('32 octets');
  });
});
