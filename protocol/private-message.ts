/**
 * A frame around an HPKE ciphertext (RFC 9180, base mode, as in envelope.ts) for what agent and service tell each other
 * beside batches, so that the broker between them learns nothing: reports of an agent, actions for an agent. Framing only.
 *
 *     magic | key id (8) | agent (32) | encapsulated key (32) | ciphertext
 *
 * The first 44 octets are the AAD. Each use has its own magic and its own `info`: one can never pass for the other, nor
 * for a batch.
 */
import { concatBytes, copyBytes, encodeUtf8, equalBytes } from './bytes.ts';
import { DOMAINS } from './domains.ts';
import { type Envelope, hpkeKeyId } from './envelope.ts';
import { Fault } from './fault.ts';

export type PrivateUse = 'report' | 'action';

/** The parts of a frame; `agent` is who wrote a report, or whom an action is for. */
export type PrivateMessage = Envelope;

/** Largest frame; a report of 64 devices is a tenth of it. */
export const MAX_PRIVATE_OCTETS = 64 * 1024;

const MAGIC: Readonly<Record<PrivateUse, Uint8Array>> = {
  report: new Uint8Array([0x56, 0x56, 0x52, 0x01]),
  action: new Uint8Array([0x56, 0x56, 0x41, 0x01]),
};
const HEAD = 44;
const ENCAPSULATED = 32;
const TAG = 16;

/** `info` of HPKE. */
export function privateInfo(use: PrivateUse): Uint8Array {
  return encodeUtf8(DOMAINS[use]);
}

/** The octets that the ciphertext is bound to. */
export function privateAad(use: PrivateUse, { keyId, agent }: Pick<PrivateMessage, 'keyId' | 'agent'>): Uint8Array {
  return concatBytes(MAGIC[use], keyId, agent);
}

export function encodePrivateMessage(use: PrivateUse, message: PrivateMessage): Uint8Array {
  return concatBytes(privateAad(use, message), message.encapsulated, message.ciphertext);
}

/**
 * The frame of this use, sealed to this HPKE key by or for this agent (32 octets). Throws `too-large`, `truncated`,
 * `version` (another use or version), `wrong-key`, `wrong-topic` (another agent).
 */
export function decodePrivateMessage(
  use: PrivateUse,
  bytes: Uint8Array,
  { hpkePublicKey, agent }: { readonly hpkePublicKey: Uint8Array; readonly agent: Uint8Array },
): PrivateMessage {
  if (bytes.length > MAX_PRIVATE_OCTETS) throw new Fault('too-large', 'private message over 64 KiB');
  if (bytes.length < HEAD + ENCAPSULATED + TAG) throw new Fault('truncated', 'shorter than an empty private message');
  if (!equalBytes(bytes.subarray(0, 4), MAGIC[use])) throw new Fault('version', `not a private ${use} of version 1`);
  const message = {
    keyId: copyBytes(bytes, 4, 12),
    agent: copyBytes(bytes, 12, HEAD),
    encapsulated: copyBytes(bytes, HEAD, HEAD + ENCAPSULATED),
    ciphertext: copyBytes(bytes, HEAD + ENCAPSULATED),
  };
  if (!equalBytes(message.keyId, hpkeKeyId(hpkePublicKey))) throw new Fault('wrong-key', 'sealed to another key');
  if (!equalBytes(message.agent, agent)) throw new Fault('wrong-topic', 'of or for another agent');
  return message;
}
