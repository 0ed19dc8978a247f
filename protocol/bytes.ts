/** Byte strings: strict hex and base64url, comparison, concatenation, and a bounds-aware little-endian reader. */
import { Fault } from './fault.ts';

const HEX = /^(?:[0-9a-f]{2})*$/i;
const BASE64URL = /^[A-Za-z0-9_-]*$/;

/** Lower-case hex of the bytes. */
export function encodeHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** Bytes of a hex string of even length, either case. Throws `bad-hex`; never skips a character. */
export function decodeHex(text: string): Uint8Array {
  if (!HEX.test(text)) throw new Fault('bad-hex', 'not an even number of hex digits');
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** Unpadded base64url (RFC 4648 §5). */
export function encodeBase64Url(bytes: Uint8Array): string {
  return encodeBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** Bytes of an unpadded base64url string. Refuses padding, other alphabets and non-zero spare bits (`malformed`). */
export function decodeBase64Url(text: string): Uint8Array {
  if (!BASE64URL.test(text) || text.length % 4 === 1) throw new Fault('malformed', 'not base64url');
  const bytes = binaryToBytes(text.replaceAll('-', '+').replaceAll('_', '/'));
  if (encodeBase64Url(bytes) !== text) throw new Fault('malformed', 'base64url with spare bits set');
  return bytes;
}

/** Padded standard base64 (RFC 4648 §4), as signed notes use it. */
export function encodeBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let i = 0; i < bytes.length; i += 8192) binary += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(binary);
}

/** Bytes of a padded standard base64 string, strictly (`malformed`). */
export function decodeBase64(text: string): Uint8Array {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) throw new Fault('malformed', 'not base64');
  const bytes = binaryToBytes(text);
  if (encodeBase64(bytes) !== text) throw new Fault('malformed', 'base64 with spare bits set');
  return bytes;
}

function binaryToBytes(base64: string): Uint8Array {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** Lower-case unpadded base32 (RFC 4648 §6): the text form of ids, because FHIR ids and file names allow it. */
export function encodeBase32(bytes: Uint8Array): string {
  let text = '';
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32[(buffer >> bits) & 31];
    }
    buffer &= (1 << bits) - 1;
  }
  return bits > 0 ? text + BASE32[(buffer << (5 - bits)) & 31] : text;
}

/** Bytes of a lower-case unpadded base32 string, strictly (`malformed`). */
export function decodeBase32(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  let buffer = 0;
  let bits = 0;
  let at = 0;
  for (const character of text) {
    const value = BASE32.indexOf(character);
    if (value < 0) throw new Fault('malformed', 'not base32');
    buffer = (buffer << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = buffer >> bits;
      buffer &= (1 << bits) - 1;
    }
  }
  if (encodeBase32(bytes) !== text) throw new Fault('malformed', 'base32 with spare bits set');
  return bytes;
}

const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8 bytes of a string. */
export function encodeUtf8(text: string): Uint8Array {
  return utf8.encode(text);
}

/** The string of UTF-8 bytes; an invalid sequence is `malformed`, never U+FFFD. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw new Fault('malformed', 'not UTF-8');
  }
}

/** A new array with all parts in order. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * A copy of `[start, end)` that shares no memory, whatever kind of byte array it is given: `slice` of Node's Buffer is a
 * view, and radios and brokers hand out Buffers from a pool.
 */
export function copyBytes(bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end));
}

/** True when both have the same length and content. Not for secrets: it returns at the first difference. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Lexicographic order, as `Array.prototype.sort` wants it. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/**
 * Reads little-endian fields in order (GATT: least significant octet first). Every read past the end throws
 * `truncated`; {@link ByteReader.end} throws `trailing` when octets are left.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Octets not read yet. */
  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  #take(count: number): number {
    if (count > this.remaining) throw new Fault('truncated', `needs ${count - this.remaining} more octets`);
    const at = this.#at;
    this.#at += count;
    return at;
  }

  /** Unsigned integer of 1 to 6 octets. */
  uint(octets: number): number {
    const at = this.#take(octets);
    let value = 0;
    for (let i = octets - 1; i >= 0; i--) value = value * 256 + this.#bytes[at + i]!;
    return value;
  }

  u8(): number {
    return this.uint(1);
  }

  u16(): number {
    return this.uint(2);
  }

  u24(): number {
    return this.uint(3);
  }

  u32(): number {
    return this.uint(4);
  }

  s8(): number {
    return (this.uint(1) << 24) >> 24;
  }

  s16(): number {
    return (this.uint(2) << 16) >> 16;
  }

  /** A copy of the next octets, never a view into the caller's buffer. */
  bytes(count: number): Uint8Array {
    const at = this.#take(count);
    return copyBytes(this.#bytes, at, at + count);
  }

  /** A copy of all octets that are left. */
  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  end(): void {
    if (this.remaining > 0) throw new Fault('trailing', `${this.remaining} octets after the last field`);
  }
}
