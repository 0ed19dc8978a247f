/** JSON that two readers cannot read as two things: no member twice, none missing, none unknown. */
import { decodeBase64Url } from './bytes.ts';
import { Fault } from './fault.ts';

/** Longest text that is read, in characters. */
export const MAX_JSON_LENGTH = 1024 * 1024;

/** Throws `too-large`, or `malformed` for what is not JSON or could be read in two ways. */
export function parseJson(text: string): unknown {
  if (text.length > MAX_JSON_LENGTH) throw new Fault('too-large', 'longer than is read');
  assertNesting(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Fault('malformed', 'not JSON');
  }
  if (plainJson(text) !== JSON.stringify(value)) throw new Fault('malformed', 'a member twice, or an odd number');
  return value;
}

/** Deepest nesting that is read: what comes after recurses. */
const MAX_NESTING = 32;

function assertNesting(text: string): void {
  let depth = 0;
  for (const [bracket] of text.replace(/"(?:[^"\\]|\\.)*"/g, '').matchAll(/[[\]{}]/g)) {
    depth += bracket === '[' || bracket === '{' ? 1 : -1;
    if (depth > MAX_NESTING) throw new Fault('malformed', 'nested too deep');
  }
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

/** The members of an object: every one of `names`, and of the others only those in `optional`. Throws `malformed`. */
export function members(
  value: unknown,
  names: readonly string[],
  optional: readonly string[] = [],
): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Fault('malformed', 'not an object');
  const present = Object.keys(value);
  const known = (name: string) => names.includes(name) || optional.includes(name);
  if (!names.every((name) => present.includes(name)) || !present.every(known)) {
    throw new Fault('malformed', 'members missing or unknown');
  }
  return value as Record<string, unknown>;
}

export function asText(value: unknown): string {
  if (typeof value !== 'string') throw new Fault('malformed', 'not text');
  return value;
}

/** Octets of unpadded base64url. Throws `malformed`, also when another number of octets was asked for. */
export function asOctets(value: unknown, length?: number): Uint8Array {
  const octets = decodeBase64Url(asText(value));
  if (length !== undefined && octets.length !== length) throw new Fault('malformed', 'another number of octets');
  return octets;
}

/** A list, bounded. Throws `malformed`. */
export function asList(value: unknown, limit: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > limit) throw new Fault('malformed', 'not a list, or a long one');
  return value;
}

/** A list of octets, bounded. Throws `malformed`. */
export function asOctetsList(value: unknown, limit: number): Uint8Array[] {
  return asList(value, limit).map((one) => asOctets(one));
}

/** A whole number from zero. Throws `malformed`. */
export function asWhole(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new Fault('malformed', 'not a whole number');
  return value as number;
}
