/**
 * All that a stranger needs to check one reading, as readable JSON (docs/format.md §8). Binary parts are unpadded
 * base64url; the log proof is the C2SP text as it is.
 */
import { decodeBase64Url, encodeBase64Url } from './bytes.ts';
import { assertPublicKey } from './ed25519.ts';
import { Fault } from './fault.ts';
import { encodeVerifierKey, type NoteKey, parseVerifierKey } from './signed-note.ts';

export const RECEIPT_FORMAT = 'veravita/receipt@v1';
export const TRUST_FORMAT = 'veravita/trust@v1';

/** Longest text that is read, in characters; a receipt has about 3,000. */
export const MAX_RECEIPT_LENGTH = 1024 * 1024;

export interface Receipt {
  /** The leaf's place in its batch, salt, body, and RFC 9162 path, the sibling first. */
  readonly index: number;
  readonly salt: Uint8Array;
  readonly body: Uint8Array;
  readonly path: readonly Uint8Array[];
  /** COSE_Sign1 by the agent. */
  readonly header: Uint8Array;
  /** COSE_Sign1 by the service: this agent's key was enrolled. */
  readonly enrolment: Uint8Array;
  /** C2SP tlog-proof that the batch is in the log, with a signed checkpoint. */
  readonly logProof: string;
}

/** Whom the reader trusts. To be had from somebody else than the party that is being checked. */
export interface Trust {
  /** The log's verifier key; its name is the log's origin. */
  readonly log: NoteKey;
  /** The service's Ed25519 key, which vouches for agents. */
  readonly service: Uint8Array;
}

export function encodeReceipt(receipt: Receipt): string {
  const { index, salt, body, path, header, enrolment, logProof } = receipt;
  const json = {
    format: RECEIPT_FORMAT,
    leaf: {
      index,
      salt: encodeBase64Url(salt),
      body: encodeBase64Url(body),
      path: path.map(encodeBase64Url),
    },
    header: encodeBase64Url(header),
    enrolment: encodeBase64Url(enrolment),
    logProof,
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/**
 * Throws `malformed`, `too-large`, and `version` for another format; members that are unknown or doubled are refused.
 * Nothing is verified yet.
 */
export function decodeReceipt(text: string): Receipt {
  const json = members(parseJson(text), ['format', 'leaf', 'header', 'enrolment', 'logProof']);
  if (json.format !== RECEIPT_FORMAT) throw new Fault('version', 'not a receipt of this format');
  const leaf = members(json.leaf, ['index', 'salt', 'body', 'path']);
  if (!Number.isSafeInteger(leaf.index) || (leaf.index as number) < 0) throw new Fault('malformed', 'leaf index');
  if (!Array.isArray(leaf.path) || leaf.path.length > 64) throw new Fault('malformed', 'path');
  return {
    index: leaf.index as number,
    salt: asOctets(leaf.salt),
    body: asOctets(leaf.body),
    path: leaf.path.map(asOctets),
    header: asOctets(json.header),
    enrolment: asOctets(json.enrolment),
    logProof: asText(json.logProof),
  };
}

export function encodeTrust({ log, service }: Trust): string {
  const json = { format: TRUST_FORMAT, log: encodeVerifierKey(log), service: encodeBase64Url(service) };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/** Throws `malformed`, `too-large`, `version`, `wrong-key`. */
export function decodeTrust(text: string): Trust {
  const json = members(parseJson(text), ['format', 'log', 'service']);
  if (json.format !== TRUST_FORMAT) throw new Fault('version', 'not a trust file of this format');
  const service = asOctets(json.service);
  assertPublicKey(service);
  return { log: parseVerifierKey(asText(json.log)), service };
}

function parseJson(text: string): unknown {
  if (text.length > MAX_RECEIPT_LENGTH) throw new Fault('too-large', 'longer than is read');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Fault('malformed', 'not JSON');
  }
  if (plainJson(text) !== JSON.stringify(value)) throw new Fault('malformed', 'a member twice, or an odd number');
  return value;
}

/**
 * JSON without white space and with each string in one form. Of doubled members JSON.parse keeps the last and others
 * the first, so that two readers would see two receipts; neither they nor a number written oddly survive a comparison.
 */
function plainJson(json: string): string {
  return json.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|\s+/g, (part) =>
    part.startsWith('"') ? JSON.stringify(JSON.parse(part)) : '',
  );
}

function members(value: unknown, names: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Fault('malformed', 'not an object');
  const present = Object.keys(value);
  if (present.length !== names.length || !present.every((name) => names.includes(name))) {
    throw new Fault('malformed', 'members missing or unknown');
  }
  return value as Record<string, unknown>;
}

function asText(value: unknown): string {
  if (typeof value !== 'string') throw new Fault('malformed', 'not text');
  return value;
}

function asOctets(value: unknown): Uint8Array {
  return decodeBase64Url(asText(value));
}
