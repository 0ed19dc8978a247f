/** Opens envelopes with the service's HPKE key (RFC 9180) and inflates them under a cap. */
import { inflateRawSync } from 'node:zlib';
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { ENVELOPE_INFO } from '../protocol/batch.ts';
import { equalBytes } from '../protocol/bytes.ts';
import { type Envelope, envelopeAad, hpkeKeyId, MAX_PLAINTEXT_OCTETS } from '../protocol/envelope.ts';
import { Fault } from '../protocol/fault.ts';

export interface Unsealer {
  /** X25519, 32 octets; agents get it when they enrol. */
  readonly publicKey: Uint8Array;
  /** The plaintext. Throws `wrong-key`, `encrypted` (does not open), `too-large`, `malformed`. */
  open(envelope: Envelope): Promise<Uint8Array>;
}

/** `secret`: 32 random octets, the input key material of DeriveKeyPair (RFC 9180 §7.1.3). */
export async function createUnsealer(secret: Uint8Array): Promise<Unsealer> {
  const suite = new CipherSuite({
    kem: new DhkemX25519HkdfSha256(),
    kdf: new HkdfSha256(),
    aead: new Aes256Gcm(),
  });
  const pair = await suite.kem.deriveKeyPair(asBuffer(secret));
  const publicKey = new Uint8Array(await suite.kem.serializePublicKey(pair.publicKey));
  const keyId = hpkeKeyId(publicKey);
  return {
    publicKey,
    async open(envelope) {
      if (!equalBytes(envelope.keyId, keyId)) throw new Fault('wrong-key', 'sealed to another key');
      return inflate(await decrypt(envelope));
    },
  };

  async function decrypt(envelope: Envelope): Promise<Uint8Array> {
    try {
      const recipient = await suite.createRecipientContext({
        recipientKey: pair.privateKey,
        enc: asBuffer(envelope.encapsulated),
        info: asBuffer(ENVELOPE_INFO),
      });
      return new Uint8Array(await recipient.open(asBuffer(envelope.ciphertext), asBuffer(envelopeAad(envelope))));
    } catch {
      throw new Fault('encrypted', 'does not open with the service key');
    }
  }
}

function inflate(deflated: Uint8Array): Uint8Array {
  try {
    return new Uint8Array(inflateRawSync(deflated, { maxOutputLength: MAX_PLAINTEXT_OCTETS }));
  } catch (error) {
    const tooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw new Fault(tooLarge ? 'too-large' : 'malformed', tooLarge ? 'inflates over the limit' : 'does not inflate');
  }
}

function asBuffer(bytes: Uint8Array): ArrayBuffer {
  return bytes.slice().buffer as ArrayBuffer;
}
