/** Writes little-endian fields in order (GATT: least significant octet first); the counterpart of `ByteReader`. */
import { Fault } from '../fault.ts';

/** Grows as fields are added. A number that does not fit its field throws `range`; nothing is cut off silently. */
export class ByteWriter {
  readonly #octets: number[] = [];

  /** Unsigned integer of 1 to 6 octets. */
  uint(octets: number, value: number): this {
    if (!Number.isInteger(value) || value < 0 || value >= 256 ** octets) {
      throw new Fault('range', `does not fit ${octets} unsigned octets`);
    }
    let left = value;
    for (let i = 0; i < octets; i++) {
      this.#octets.push(left % 256);
      left = Math.floor(left / 256);
    }
    return this;
  }

  u8(value: number): this {
    return this.uint(1, value);
  }

  u16(value: number): this {
    return this.uint(2, value);
  }

  u24(value: number): this {
    return this.uint(3, value);
  }

  u32(value: number): this {
    return this.uint(4, value);
  }

  s8(value: number): this {
    if (!Number.isInteger(value) || value < -128 || value > 127)
      throw new Fault('range', 'does not fit a signed octet');
    return this.uint(1, value & 0xff);
  }

  s16(value: number): this {
    if (!Number.isInteger(value) || value < -32768 || value > 32767) {
      throw new Fault('range', 'does not fit two signed octets');
    }
    return this.uint(2, value & 0xffff);
  }

  bytes(bytes: Uint8Array): this {
    for (const byte of bytes) this.#octets.push(byte);
    return this;
  }

  /** A new array of everything written so far. */
  take(): Uint8Array {
    return Uint8Array.from(this.#octets);
  }
}
