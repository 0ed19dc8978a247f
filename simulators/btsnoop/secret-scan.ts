/** Finds octet strings that must not be passed on, and wipes them. */
import { structuresOf } from './advertising-names.ts';

/** Shorter ones would be found where they are not. */
const MIN_LENGTH = 4;

/** A set of secrets. Searching takes time in proportion to what is searched, however many there are. */
export class SecretScan {
  /** By their first four octets. */
  readonly #patterns = new Map<number, Uint8Array[]>();

  /** Adds octets, unless they are too few or all alike and so say nothing. */
  add(secret: Uint8Array): void {
    if (secret.length < MIN_LENGTH || secret.every((octet) => octet === secret[0])) return;
    const key = keyAt(secret, 0);
    const known = this.#patterns.get(key) ?? [];
    if (known.some((pattern) => Buffer.compare(pattern, secret) === 0)) return;
    known.push(Uint8Array.from(secret));
    this.#patterns.set(key, known);
  }

  /** Adds octets in both orders: keys and addresses travel in one and are written down in the other. */
  addNumber(secret: Uint8Array): void {
    this.add(secret);
    this.add(Uint8Array.from(secret).reverse());
  }

  /**
   * Adds an address of six octets, least significant first, in all ways in which devices repeat it: in both orders, as
   * the two halves of an EUI-64, as hexadecimal text, and as the last six digits that often end a name.
   */
  addAddress(octets: Uint8Array): void {
    this.addNumber(octets);
    const text = Buffer.from(octets).reverse().toString('hex');
    if (/^(..)\1*$/.test(text)) return;
    const eui = Buffer.from(`${text.slice(0, 6)}fffe${text.slice(6)}`, 'hex');
    this.addNumber(eui);
    for (const written of [text, text.replace(/(..)(?=.)/g, '$1:'), text.replace(/(..)(?=.)/g, '$1-'), text.slice(6)]) {
      this.add(Buffer.from(written.toLowerCase()));
      this.add(Buffer.from(written.toUpperCase()));
    }
  }

  /** Adds the names in advertising data. */
  addNames(advertisingData: Uint8Array, isName: (type: number) => boolean): void {
    for (const { type, start, end } of structuresOf(advertisingData)) {
      if (isName(type)) this.add(advertisingData.subarray(start, end));
    }
  }

  /** Sets all that is found in `[start, end)` to zero, in place. True when there was something. */
  wipe(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
    const found: { at: number; length: number }[] = [];
    for (let at = start; at + MIN_LENGTH <= end; at++) {
      for (const pattern of this.#patterns.get(keyAt(bytes, at)) ?? []) {
        if (at + pattern.length <= end && pattern.every((octet, i) => bytes[at + i] === octet)) {
          found.push({ at, length: pattern.length });
        }
      }
    }
    // Afterwards, as two may overlap.
    for (const { at, length } of found) bytes.fill(0, at, at + length);
    return found.length > 0;
  }
}

function keyAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
