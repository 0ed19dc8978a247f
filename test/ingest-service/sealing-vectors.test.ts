/** Published AES-GCM and X25519 vectors against the functions that open what is stored and what arrives. */
import { createPrivateKey, createPublicKey, diffieHellman, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openAead } from '../../ingest-service/record/sealing.ts';
import { createUnsealer } from '../../ingest-service/unseal.ts';
import { concatBytes, decodeHex, encodeBase64Url, encodeHex } from '../../protocol/bytes.ts';
import { hpkeKeyId } from '../../protocol/envelope.ts';
import { isFault } from '../../protocol/fault.ts';

interface Vectors<Group> {
  readonly numberOfTests: number;
  readonly testGroups: readonly Group[];
}

interface AesGcmGroup {
  readonly keySize: number;
  readonly ivSize: number;
  readonly tagSize: number;
  readonly tests: readonly {
    readonly tcId: number;
    readonly key: string;
    readonly iv: string;
    readonly aad: string;
    readonly msg: string;
    readonly ct: string;
    readonly tag: string;
    readonly result: 'valid' | 'invalid';
  }[];
}

interface X25519Group {
  readonly tests: readonly {
    readonly tcId: number;
    readonly public: string;
    readonly private: string;
    readonly shared: string;
    readonly flags: readonly string[];
  }[];
}

function read<Group>(name: string): Vectors<Group> {
  return JSON.parse(readFileSync(new URL(`../vectors/wycheproof/${name}_test.json`, import.meta.url), 'utf8'));
}

it('AES-GCM: opens what is valid in the sizes that are stored, and nothing else', () => {
  let opened = 0;
  let refused = 0;
  for (const { keySize, ivSize, tagSize, tests } of read<AesGcmGroup>('aes_gcm').testGroups) {
    for (const { tcId, key, iv, aad, msg, ct, tag, result } of tests) {
      const open = () => openAead(decodeHex(key), decodeHex(aad), concatBytes(...[iv, ct, tag].map(decodeHex)));
      if (keySize === 256 && ivSize === 96 && tagSize === 128 && result === 'valid') {
        expect(encodeHex(open()), `tcId ${tcId}`).toBe(msg);
        opened++;
      } else {
        expect(open, `tcId ${tcId}`).toThrow(expect.objectContaining({ code: 'inconsistent' }));
        refused++;
      }
    }
  }
  expect(opened).toBeGreaterThan(30);
  expect(opened + refused).toBe(read('aes_gcm').numberOfTests);
});

it('AES-GCM: a shorter tag does not do', () => {
  const key = new Uint8Array(32);
  for (let length = 0; length < 28; length++) {
    expect(() => openAead(key, new Uint8Array(), new Uint8Array(length))).toThrow('too short');
  }
});

it('X25519: the platform agrees with every vector that gives a secret', () => {
  for (const { tests } of read<X25519Group>('x25519').testGroups) {
    for (const { tcId, public: publicHex, private: privateHex, shared } of tests) {
      if (/^0+$/.test(shared)) continue;
      const d = encodeBase64Url(decodeHex(privateHex));
      const x = encodeBase64Url(decodeHex(publicHex));
      const secret = diffieHellman({
        privateKey: createPrivateKey({ key: { kty: 'OKP', crv: 'X25519', d, x }, format: 'jwk' }),
        publicKey: createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' }),
      });
      expect(secret.toString('hex'), `tcId ${tcId}`).toBe(shared);
    }
  }
});

it('X25519: an envelope with a key that makes the secret zero does not open', async () => {
  const unsealer = await createUnsealer(new Uint8Array(randomBytes(32)));
  let refused = 0;
  for (const { tests } of read<X25519Group>('x25519').testGroups) {
    for (const { public: publicHex, shared } of tests) {
      if (!/^0+$/.test(shared)) continue;
      const opening = unsealer.open({
        keyId: hpkeKeyId(unsealer.publicKey),
        agent: new Uint8Array(32),
        encapsulated: decodeHex(publicHex),
        ciphertext: new Uint8Array(64),
      });
      await expect(opening).rejects.toSatisfy((error) => isFault(error, 'encrypted'));
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(5);
});
