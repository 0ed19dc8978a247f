/** Names of keys and devices: thumbprints, and the pseudonymous handles that travel. */
import { sha256 } from '@noble/hashes/sha2.js';
import { decodeBase32, encodeBase32, encodeUtf8 } from './bytes.ts';
import { type CborValue, encodeCbor } from './cbor.ts';
import { DOMAINS } from './domains.ts';
import { Fault } from './fault.ts';

/** COSE key thumbprint of an Ed25519 public key: 32 octets (RFC 9679 §4, SHA-256). */
export function thumbprint(publicKey: Uint8Array): Uint8Array {
  const key = new Map<number, CborValue>([
    [1, 1], // kty: OKP, RFC 9053 §7.2
    [-1, 6], // crv: Ed25519
    [-2, publicKey], // x
  ]);
  return sha256(encodeCbor(key));
}

/** An agent's id in topics: {@link encodeId} of its key's thumbprint. */
export type AgentId = string & { readonly brand: 'AgentId' };

/** Text form of a 32-octet id (thumbprint, batch id, event id): 52 characters that FHIR, URLs and topics allow. */
export function encodeId(id: Uint8Array): string {
  return encodeBase32(id);
}

/** 32 octets of an id's text form; throws `malformed`. */
export function decodeId(text: string): Uint8Array {
  const bytes = decodeBase32(text);
  if (bytes.length !== 32) throw new Fault('malformed', 'not a 32-octet id');
  return bytes;
}

export function agentIdOf(publicKey: Uint8Array): AgentId {
  return encodeId(thumbprint(publicKey)) as AgentId;
}

/**
 * A device's handle within one patient's readings: 16 octets. The same wearable worn by two patients has two handles,
 * so that readings of different patients cannot be joined by their device.
 */
export function deviceHandle(subject: Uint8Array, addressType: 'public' | 'random', address: string): Uint8Array {
  const body = encodeCbor([DOMAINS.device, subject, encodeUtf8(addressType), encodeUtf8(address.toLowerCase())]);
  return sha256(body).slice(0, 16);
}
