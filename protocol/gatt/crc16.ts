/**
 * E2E-CRC of the CGM service: CRC-16/MCRF4XX, polynomial 0x1021 reflected (0x8408), initial value 0xFFFF, no final XOR
 * (CGMS 1.0.1 §3.11). On the wire it follows the octets that it covers, least significant octet first.
 */
import type { ByteReader } from '../bytes.ts';

/** CRC over all bytes, 0..0xFFFF. Over a message together with its CRC it is 0. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x8408 : crc >>> 1;
  }
  return crc;
}

/** A CRC as received and whether it is right; both null where the value carries none. */
export interface CheckedCrc {
  /** The two octets as sent. */
  readonly crc: number | null;
  readonly crcValid: boolean | null;
}

/** What an encoder shall append: the right CRC, a given (perhaps wrong) one, or none. */
export type CrcToWrite = 'compute' | number | null;

/**
 * Reads a CRC that may follow the covered octets: none when nothing is left, otherwise exactly two octets. Throws
 * `trailing` when any other number of octets is left. `bytes` is the whole value, CRC included.
 */
export function readOptionalCrc(reader: ByteReader, bytes: Uint8Array): CheckedCrc {
  if (reader.remaining !== 2) {
    reader.end();
    return { crc: null, crcValid: null };
  }
  const crc = reader.u16();
  return { crc, crcValid: crc === crc16(bytes.subarray(0, -2)) };
}

/** The covered octets followed by their CRC, as asked for. */
export function appendCrc(covered: Uint8Array, crc: CrcToWrite): Uint8Array {
  if (crc === null) return covered;
  const value = crc === 'compute' ? crc16(covered) : crc;
  const bytes = new Uint8Array(covered.length + 2);
  bytes.set(covered);
  bytes.set([value & 0xff, value >>> 8], covered.length);
  return bytes;
}
