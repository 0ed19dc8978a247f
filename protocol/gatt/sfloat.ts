/**
 * SFLOAT (16 bit) and FLOAT (32 bit): medical floating point of 11073-20601 F.8 as GATT carries it, least significant
 * octet first. Exponent and mantissa are both two's complement, never biased. Special values are recognized on the full
 * bit pattern with exponent 0; the same mantissas with another exponent are numbers (and are never written here).
 */
import { ByteReader } from '../bytes.ts';
import { isDecimal, type SensorValue, type Special } from '../decimal.ts';
import { Fault } from '../fault.ts';
import { ByteWriter } from './writer.ts';

interface Layout {
  readonly octets: number;
  readonly mantissaBits: number;
  readonly exponentBits: number;
  readonly specials: ReadonlyMap<number, Special>;
  readonly patterns: ReadonlyMap<Special, number>;
}

function layoutOf(octets: number, mantissaBits: number, exponentBits: number): Layout {
  // 11073-20601 F.8: the five mantissas around the sign change, exponent 0. SFLOAT: 07FF, 0800, 07FE, 0802, 0801.
  const half = 2 ** (mantissaBits - 1);
  const specials = new Map<number, Special>([
    [half - 1, 'NaN'],
    [half, 'NRes'],
    [half - 2, '+INF'],
    [half + 2, '-INF'],
    [half + 1, 'RFU'],
  ]);
  const patterns = new Map([...specials].map(([pattern, special]) => [special, pattern]));
  return { octets, mantissaBits, exponentBits, specials, patterns };
}

const SFLOAT = layoutOf(2, 12, 4);
const FLOAT = layoutOf(4, 24, 8);

function signed(raw: number, bits: number): number {
  return raw >= 2 ** (bits - 1) ? raw - 2 ** bits : raw;
}

function read(reader: ByteReader, { octets, mantissaBits, exponentBits, specials }: Layout): SensorValue {
  const raw = reader.uint(octets);
  const mantissa = signed(raw % 2 ** mantissaBits, mantissaBits);
  const exponent = signed(Math.floor(raw / 2 ** mantissaBits), exponentBits);
  return specials.get(raw) ?? { mantissa, exponent };
}

function write(writer: ByteWriter, value: SensorValue, layout: Layout): ByteWriter {
  const { octets, mantissaBits, exponentBits, patterns } = layout;
  if (!isDecimal(value)) return writer.uint(octets, patterns.get(value)!);
  const { mantissa, exponent } = value;
  // Mantissas of the special patterns are left unused with every exponent, as senders are told to.
  const largest = 2 ** (mantissaBits - 1) - 3;
  if (!Number.isInteger(mantissa) || Math.abs(mantissa) > largest) throw new Fault('range', 'mantissa does not fit');
  const limit = 2 ** (exponentBits - 1);
  if (!Number.isInteger(exponent) || exponent < -limit || exponent >= limit) {
    throw new Fault('range', 'exponent does not fit');
  }
  const low = mantissa < 0 ? mantissa + 2 ** mantissaBits : mantissa;
  const high = exponent < 0 ? exponent + 2 ** exponentBits : exponent;
  return writer.uint(octets, high * 2 ** mantissaBits + low);
}

/** Next two octets as an exact decimal or a special value. Throws `truncated`. */
export function readSfloat(reader: ByteReader): SensorValue {
  return read(reader, SFLOAT);
}

/** Next four octets as an exact decimal or a special value. Throws `truncated`. */
export function readFloat(reader: ByteReader): SensorValue {
  return read(reader, FLOAT);
}

/** Appends an SFLOAT with exactly this mantissa (-2045..2045) and exponent (-8..7). Throws `range`; never rounds. */
export function writeSfloat(writer: ByteWriter, value: SensorValue): ByteWriter {
  return write(writer, value, SFLOAT);
}

/** Appends a FLOAT with exactly this mantissa (|m| <= 8388605) and exponent (-128..127). Throws `range`; never rounds. */
export function writeFloat(writer: ByteWriter, value: SensorValue): ByteWriter {
  return write(writer, value, FLOAT);
}

/** Value of exactly two octets. Throws `truncated`, `trailing`. */
export function decodeSfloat(bytes: Uint8Array): SensorValue {
  const reader = new ByteReader(bytes);
  const value = readSfloat(reader);
  reader.end();
  return value;
}

/** Two octets of a value; the reverse of {@link decodeSfloat}. Throws `range`. */
export function encodeSfloat(value: SensorValue): Uint8Array {
  return writeSfloat(new ByteWriter(), value).take();
}

/** Value of exactly four octets. Throws `truncated`, `trailing`. */
export function decodeFloat(bytes: Uint8Array): SensorValue {
  const reader = new ByteReader(bytes);
  const value = readFloat(reader);
  reader.end();
  return value;
}

/** Four octets of a value; the reverse of {@link decodeFloat}. Throws `range`. */
export function encodeFloat(value: SensorValue): Uint8Array {
  return writeFloat(new ByteWriter(), value).take();
}
