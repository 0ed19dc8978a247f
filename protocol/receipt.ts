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
  /**
   * What became of the agent's keys, as far as the key of this batch needs it; absent where it is the enrolled key and
   * nothing befell it. Rotations that lead to the key come first, in order.
   */
  readonly keyHistory?: readonly ProvenKeyEvent[];
}

/** A key event and its place in the log. */
export interface ProvenKeyEvent {
  /** COSE_Sign1 by the service: {@link readKeyEvent}. */
  readonly event: Uint8Array;
  /** C2SP tlog-proof of its commitment, with the very checkpoint of the receipt's `logProof`. */
  readonly logProof: string;
}

/** Most key events in a receipt. */
export const MAX_KEY_EVENTS = 64;

/** Whom the reader trusts. To be had from somebody else than the party that is being checked. */
export interface Trust {
  /** The log's verifier key; its name is the log's origin. */
  readonly log: NoteKey;
  /** The service's Ed25519 key, which vouches for agents. */
  readonly service: Uint8Array;
}

export function encodeReceipt(receipt: Receipt): string {
  const { index, salt, body, path, header, enrolment, logProof, keyHistory } = receipt;
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
    ...(keyHistory && {
      keyHistory: keyHistory.map((each) => ({ event: encodeBase64Url(each.event), logProof: each.logProof })),
    }),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/**
 * Throws `malformed`, `too-large`, and `version` for another format; members that are unknown or doubled are refused.
 * Nothing is verified yet.
 */
export function decodeReceipt(text: string): Receipt {
  const json = members(parseJson(text), ['format', 'leaf', 'header', 'enrolment', 'logProof'], ['keyHistory']);
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
    ...(json.keyHistory !== undefined && { keyHistory: readKeyHistory(json.keyHistory) }),
  };
}

function readKeyHistory(value: unknown): ProvenKeyEvent[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_KEY_EVENTS) {
    throw new Fault('malformed', 'key history');
  }
  return value.map((item) => {
    const { event, logProof } = members(item, ['event', 'logProof']);
    return { event: asOctets(event), logProof: asText(logProof) };
  });
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

function members(value: unknown, names: readonly string[], optional: readonly string[] = []): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Fault('malformed', 'not an object');
  const present = Object.keys(value);
  const isKnown = (name: string) => names.includes(name) || optional.includes(name);
  if (!names.every((name) => present.includes(name)) || !present.every(isKnown)) {
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
