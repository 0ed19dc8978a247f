/**
 * What travels over MQTT: a frame around an HPKE ciphertext (RFC 9180, base mode, DHKEM(X25519, HKDF-SHA256),
 * HKDF-SHA256, AES-256-GCM). Framing only: sealing needs randomness and lives in the agent, opening in the service.
 *
 *     magic "VVE" 01 | key id (8) | agent (32) | encapsulated key (32) | ciphertext
 *     plaintext = raw DEFLATE of CBOR([signed header, [[segment key, [body, ...]], ...]])
 *
 * The first 44 octets are the AAD. The frame describes itself and needs no property of MQTT 5.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { MAX_BATCH_ITEMS, MAX_BODY_OCTETS, MAX_LEAVES, type Segment } from './batch.ts';
import { concatBytes, copyBytes, equalBytes } from './bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from './cbor.ts';
import { Fault } from './fault.ts';

/** Largest envelope. */
export const MAX_ENVELOPE_OCTETS = 1024 * 1024;
/** Largest inflated plaintext; enforced while inflating. */
export const MAX_PLAINTEXT_OCTETS = 8 * 1024 * 1024;

const MAGIC = new Uint8Array([0x56, 0x56, 0x45, 0x01]);
const HEAD = 44;
const ENCAPSULATED = 32;
const TAG = 16;

export interface Envelope {
  /** {@link hpkeKeyId} of the service's key. */
  readonly keyId: Uint8Array;
  /** Thumbprint of the agent's key, 32 octets. */
  readonly agent: Uint8Array;
  readonly encapsulated: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** Names an HPKE public key: the first 8 octets of its SHA-256. */
export function hpkeKeyId(publicKey: Uint8Array): Uint8Array {
  return sha256(publicKey).slice(0, 8);
}

/** The octets that the ciphertext is bound to. */
export function envelopeAad({ keyId, agent }: Pick<Envelope, 'keyId' | 'agent'>): Uint8Array {
  return concatBytes(MAGIC, keyId, agent);
}

export function encodeEnvelope(envelope: Envelope): Uint8Array {
  return concatBytes(envelopeAad(envelope), envelope.encapsulated, envelope.ciphertext);
}

/** Throws `too-large`, `truncated`, `version` (not an envelope of version 1). */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  if (bytes.length > MAX_ENVELOPE_OCTETS) throw new Fault('too-large', 'envelope over 1 MiB');
  if (bytes.length < HEAD + ENCAPSULATED + TAG) throw new Fault('truncated', 'shorter than an empty envelope');
  if (!equalBytes(bytes.subarray(0, 4), MAGIC)) throw new Fault('version', 'not an envelope of version 1');
  return {
    keyId: copyBytes(bytes, 4, 12),
    agent: copyBytes(bytes, 12, HEAD),
    encapsulated: copyBytes(bytes, HEAD, HEAD + ENCAPSULATED),
    ciphertext: copyBytes(bytes, HEAD + ENCAPSULATED),
  };
}

/** Signed header and all segments of one batch, before deflating and sealing. */
export interface BatchContent {
  readonly signedHeader: Uint8Array;
  readonly segments: readonly Segment[];
}

export function encodeContent({ signedHeader, segments }: BatchContent): Uint8Array {
  return encodeCbor([signedHeader, segments.map(({ key, bodies }) => [key, bodies])]);
}

/** Throws `malformed`, `not-canonical`, `too-large`. Leaves are numbered through in order. */
export function decodeContent(plaintext: Uint8Array): BatchContent {
  const content = decodeCbor(plaintext, MAX_BATCH_ITEMS);
  if (!Array.isArray(content) || content.length !== 2) throw new Fault('malformed', 'not a batch');
  const [signedHeader, rows] = content as [CborValue, CborValue];
  if (!(signedHeader instanceof Uint8Array) || !Array.isArray(rows)) throw new Fault('malformed', 'not a batch');
  let start = 0;
  const segments = rows.map((row: CborValue): Segment => {
    const [key, bodies] = Array.isArray(row) && row.length === 2 ? row : [];
    if (!(key instanceof Uint8Array) || key.length !== 32) throw new Fault('malformed', 'segment key');
    if (!Array.isArray(bodies) || bodies.length === 0 || !bodies.every((body) => body instanceof Uint8Array)) {
      throw new Fault('malformed', 'segment without leaves');
    }
    if (bodies.some((body) => (body as Uint8Array).length > MAX_BODY_OCTETS)) {
      throw new Fault('too-large', `a leaf over ${MAX_BODY_OCTETS} octets`);
    }
    const segment = { key, start, bodies: bodies as Uint8Array[] };
    start += bodies.length;
    if (start > MAX_LEAVES) throw new Fault('too-large', `more than ${MAX_LEAVES} leaves`);
    return segment;
  });
  return { signedHeader, segments };
}
