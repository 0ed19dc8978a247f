import { describe, expect, it } from 'vitest';
import { decodeHex, encodeHex, encodeUtf8 } from '../../protocol/bytes.ts';
import { encodeCbor } from '../../protocol/cbor.ts';
import { assembleSigned, openSigned, readSigned, signedId, signPayload, toBeSigned } from '../../protocol/cose.ts';
import { publicKeyOf, signEd25519, verifyEd25519 } from '../../protocol/ed25519.ts';
import { thumbprint } from '../../protocol/keys.ts';
import { faultOf } from '../support/fault-of.ts';
import { nodeVerify } from '../support/node-verify.ts';

const h = decodeHex;

// The key of RFC 8032 §7.1 test 1, which the COSE working group's Ed25519 example uses too.
const SEED = h('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60');
const KEY = h('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
const signer = { publicKey: KEY, sign: (message: Uint8Array) => signEd25519(SEED, message) };
const payload = encodeUtf8('This is the content.');

describe('the COSE working group example', () => {
  // github.com/cose-wg/Examples eddsa-examples/eddsa-sig-01.json. It is of the older algorithm -8 (RFC 9053 §2.2) with
  // a content type and a key id in its headers, so what is the same is the structure that is signed, and the signature.
  const TO_BE_SIGNED = '846a5369676e61747572653145a2012703004054546869732069732074686520636f6e74656e742e';
  const SIGNATURE =
    '7142fd2ff96d56db85bee905a76ba1d0b7321a95c8c4d3607c5781932b7afb8711497dfa751bf40b58b3bcc32300b1487f3db34085eef013bf08f4a44d6fef0d';

  it('has the same bytes to be signed and the same signature', () => {
    expect(publicKeyOf(SEED)).toEqual(KEY);
    const bytes = encodeCbor(['Signature1', h('a201270300'), new Uint8Array(0), payload]);
    expect(encodeHex(bytes)).toBe(TO_BE_SIGNED);
    expect(encodeHex(signEd25519(SEED, bytes))).toBe(SIGNATURE);
    expect(verifyEd25519(KEY, bytes, h(SIGNATURE))).toBe(true);
    expect(nodeVerify(KEY, bytes, h(SIGNATURE))).toBe(true);
  });

  it('is refused, because its header allows another encoding of the same signed thing', () => {
    const message = `8445a201270300a10442313154546869732069732074686520636f6e74656e742e5840${SIGNATURE}`;
    expect(faultOf(() => readSigned(h(message)))).toBe('malformed');
  });
});

describe('signed payload', () => {
  const signed = signPayload('batch', payload, signer);

  it('has these bytes', () => {
    // [<< {1: -19} >>, {}, payload, signature], RFC 9052 §4.2 and RFC 9864 §2.2
    const signature = encodeHex(signer.sign(toBeSigned('batch', payload)));
    expect(encodeHex(signed)).toBe(`8443a10132a054${encodeHex(payload)}5840${signature}`);
    // ["Signature1", << {1: -19} >>, 'veravita/v1/batch', payload], RFC 9052 §4.4
    expect(encodeHex(toBeSigned('batch', payload))).toBe(
      `846a5369676e61747572653143a1013251${encodeHex(encodeUtf8('veravita/v1/batch'))}54${encodeHex(payload)}`,
    );
  });

  it('opens under its key and domain, and no other', () => {
    expect(openSigned('batch', signed, KEY, verifyEd25519)).toEqual(payload);
    expect(openSigned('batch', signed, KEY, nodeVerify)).toEqual(payload);
    expect(faultOf(() => openSigned('consent', signed, KEY, verifyEd25519))).toBe('bad-signature');
    const other = publicKeyOf(new Uint8Array(32).fill(1));
    expect(faultOf(() => openSigned('batch', signed, other, verifyEd25519))).toBe('bad-signature');
  });

  it('does not open with any octet changed or any cut', () => {
    for (let at = 0; at < signed.length; at++) {
      for (const mask of [0x01, 0x80]) {
        const altered = signed.slice();
        altered[at]! ^= mask;
        expect(faultOf(() => openSigned('batch', altered, KEY, nodeVerify))).toMatch(
          /^(malformed|not-canonical|bad-signature)$/,
        );
      }
      expect(faultOf(() => openSigned('batch', signed.slice(0, at), KEY, nodeVerify))).toBe('malformed');
    }
  });

  const { signature } = readSigned(signed);
  const PROTECTED = h('a10132');
  it.each([
    ['an unprotected header in use', encodeCbor([PROTECTED, new Map([[4, h('01')]]), payload, signature])],
    ['a protected header of another algorithm', encodeCbor([h('a10127'), new Map(), payload, signature])],
    ['a protected header with more in it', encodeCbor([h('a20132044101'), new Map(), payload, signature])],
    ['no payload', encodeCbor([PROTECTED, new Map(), null, signature])],
    ['a short signature', encodeCbor([PROTECTED, new Map(), payload, signature.slice(1)])],
    ['a fifth part', encodeCbor([PROTECTED, new Map(), payload, signature, 0])],
    ['three parts', encodeCbor([PROTECTED, new Map(), payload])],
    ['what is no array', encodeCbor(1)],
    ['the tag of a COSE_Sign1', Uint8Array.of(0xd2, ...signed)],
  ])('refuses %s', (_, bytes) => {
    expect(faultOf(() => readSigned(bytes))).toBe('malformed');
  });

  it('has an id that depends on domain and payload and not on the signature', () => {
    expect(signedId('batch', payload)).not.toEqual(signedId('consent', payload));
    expect(signedId('batch', payload)).not.toEqual(signedId('batch', payload.slice(1)));
    const forged = assembleSigned(payload, new Uint8Array(64));
    expect(signedId('batch', readSigned(forged).payload)).toEqual(signedId('batch', payload));
  });
});

describe('thumbprint', () => {
  it('is over the required members of a COSE key in their order', async () => {
    // RFC 9679 §4: {1: 1, -1: 6, -2: x}, deterministic
    const bytes = h(`a301012006215820${encodeHex(KEY)}`);
    expect(thumbprint(KEY)).toEqual(new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(bytes))));
  });
});
