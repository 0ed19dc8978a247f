/**
 * All that a stranger needs to check one reading, as readable JSON (docs/format.md §8). Binary parts are unpadded
 * base64url; the log proof is the C2SP text as it is.
 */
import { type EvmEvidence, evidenceFromJson, evidenceToJson } from './anchor-evidence.ts';
import { encodeBase64Url } from './bytes.ts';
import { Fault } from './fault.ts';
import { asList, asOctets, asOctetsList, asText, asWhole, MAX_JSON_LENGTH, members, parseJson } from './strict-json.ts';
import type { LoggedSupersession } from './supersession.ts';

export const RECEIPT_FORMAT = 'veravita/receipt@v1';

/** Hashes of a path that are read, and anchors of one list. */
const MAX_PATH = 64;
export const MAX_ANCHORS = 16;

/** Longest text that is read, in characters; a receipt has about 3,000, and each anchor some thousands more. */
export const MAX_RECEIPT_LENGTH = MAX_JSON_LENGTH;

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
  /** Evidence from outside the log; none in a receipt that is not anchored (yet). */
  readonly anchors?: readonly ReceiptAnchor[];
  /**
   * What became of the agent's keys, as far as the key of this batch needs it; absent where it is the enrolled key and
   * nothing befell it. Rotations that lead to the key come first, in order.
   */
  readonly keyHistory?: readonly ProvenKeyEvent[];
  /** That the reading was corrected before the receipt was made. */
  readonly supersession?: LoggedSupersession;
}

/** An anchored tree of the log, and the batch's place in it: its index is that of the log proof. */
export interface ReceiptAnchor {
  readonly evidence: EvmEvidence;
  /** RFC 9162 path from the batch's commitment to the anchored root, the sibling first. */
  readonly path: readonly Uint8Array[];
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

export function encodeReceipt(receipt: Receipt): string {
  const { index, salt, body, path, header, enrolment, logProof, anchors, keyHistory, supersession } = receipt;
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
    ...(anchors && {
      anchors: anchors.map((one) => ({ evidence: evidenceToJson(one.evidence), path: one.path.map(encodeBase64Url) })),
    }),
    ...(keyHistory && {
      keyHistory: keyHistory.map((each) => ({ event: encodeBase64Url(each.event), logProof: each.logProof })),
    }),
    ...(supersession && {
      supersession: { statement: encodeBase64Url(supersession.statement), logProof: supersession.logProof },
    }),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

const REQUIRED = ['format', 'leaf', 'header', 'enrolment', 'logProof'];
const OPTIONAL = ['anchors', 'keyHistory', 'supersession'];

/**
 * Throws `malformed`, `too-large`, and `version` for another format; members that are unknown or doubled are refused.
 * Nothing is verified yet.
 */
export function decodeReceipt(text: string): Receipt {
  const json = members(parseJson(text), REQUIRED, OPTIONAL);
  if (json.format !== RECEIPT_FORMAT) throw new Fault('version', 'not a receipt of this format');
  const leaf = members(json.leaf, ['index', 'salt', 'body', 'path']);
  return {
    index: asWhole(leaf.index),
    salt: asOctets(leaf.salt),
    body: asOctets(leaf.body),
    path: asOctetsList(leaf.path, MAX_PATH),
    header: asOctets(json.header),
    enrolment: asOctets(json.enrolment),
    logProof: asText(json.logProof),
    ...(json.anchors !== undefined && { anchors: asList(json.anchors, MAX_ANCHORS).map(decodeAnchor) }),
    ...(json.keyHistory !== undefined && { keyHistory: decodeKeyHistory(json.keyHistory) }),
    ...(json.supersession !== undefined && { supersession: decodeMember(json.supersession) }),
  };
}

function decodeMember(value: unknown): LoggedSupersession {
  const { statement, logProof } = members(value, ['statement', 'logProof']);
  return { statement: asOctets(statement), logProof: asText(logProof) };
}

function decodeAnchor(value: unknown): ReceiptAnchor {
  const { evidence, path } = members(value, ['evidence', 'path']);
  return { evidence: evidenceFromJson(evidence), path: asOctetsList(path, MAX_PATH) };
}

function decodeKeyHistory(value: unknown): ProvenKeyEvent[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_KEY_EVENTS) {
    throw new Fault('malformed', 'key history');
  }
  return value.map((item) => {
    const { event, logProof } = members(item, ['event', 'logProof']);
    return { event: asOctets(event), logProof: asText(logProof) };
  });
}
