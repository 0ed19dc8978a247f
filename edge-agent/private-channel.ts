/**
 * What agent and service tell each other in private, over a broker that learns nothing of it: reports are sealed to the
 * service's HPKE key, actions to a key that the agent makes per start and never writes down.
 */
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { type AgentAction, decodeActions } from '../protocol/agent-action.ts';
import { hpkeKeyId } from '../protocol/envelope.ts';
import { Fault } from '../protocol/fault.ts';
import { decodePrivateMessage, encodePrivateMessage, privateAad, privateInfo } from '../protocol/private-message.ts';

export interface PrivateChannel {
  /** X25519, 32 octets: what actions for this start are sealed to. */
  readonly publicKey: Uint8Array;
  /** A signed report as it travels. */
  sealReport(signed: Uint8Array): Promise<Uint8Array>;
  /** Throws `wrong-key` (another start), `wrong-topic` (another agent), `encrypted`, and what decoding throws. */
  openActions(sealed: Uint8Array): Promise<readonly AgentAction[]>;
}

/** `serviceKey`: X25519, 32 octets; `agent`: our key's thumbprint. Throws `malformed` when the key is none. */
export async function openPrivateChannel(serviceKey: Uint8Array, agent: Uint8Array): Promise<PrivateChannel> {
  const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
  const serviceKeyId = hpkeKeyId(serviceKey);
  const recipientPublicKey = await suite.kem.deserializePublicKey(serviceKey).catch(() => {
    throw new Fault('malformed', 'not an X25519 key');
  });
  const pair = await suite.kem.generateKeyPair();
  const publicKey = new Uint8Array(await suite.kem.serializePublicKey(pair.publicKey));

  return {
    publicKey,

    async sealReport(signed) {
      const to = { keyId: serviceKeyId, agent };
      const params = { recipientPublicKey, info: privateInfo('report') };
      const { enc, ct } = await suite.seal(params, signed, privateAad('report', to));
      const sealed = { ...to, encapsulated: new Uint8Array(enc), ciphertext: new Uint8Array(ct) };
      return encodePrivateMessage('report', sealed);
    },

    async openActions(sealed) {
      const message = decodePrivateMessage('action', sealed, { hpkePublicKey: publicKey, agent });
      const params = { recipientKey: pair.privateKey, enc: message.encapsulated, info: privateInfo('action') };
      const opened = suite.open(params, message.ciphertext, privateAad('action', message));
      const plaintext = await opened.catch(() => {
        throw new Fault('encrypted', 'does not open with the key of this start');
      });
      return decodeActions(new Uint8Array(plaintext));
    },
  };
}
