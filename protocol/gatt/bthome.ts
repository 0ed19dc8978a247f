/** BTHome version 2: service data that sensors advertise under the UUID FCD2. */
import { ByteReader, copyBytes, decodeHex, decodeUtf8, encodeHex, encodeUtf8 } from '../bytes.ts';
import type { Decimal } from '../decimal.ts';
import { Fault, isFault } from '../fault.ts';
import { hasBit } from './bits.ts';
import { BTHOME_OBJECTS, type BthomeObject } from './bthome-objects.ts';
import { scaled, unscaled } from './fixed-point.ts';
import { ByteWriter } from './writer.ts';

/** Numbers as exact decimals; octets where an object has no number, and for a text that is not UTF-8. */
export type BthomeValue = Decimal | boolean | string | Uint8Array;

/** FCD2 service data. */
export interface BthomeAdvertisement {
  /** Device address, twelve hex digits, where the sensor repeats it; else null. */
  readonly mac: string | null;
  /** The sensor advertises when something happens, not at intervals. */
  readonly trigger: boolean;
  /** Name and value of each object in the order sent; a name that comes again is a second sensor of that kind. */
  readonly values: readonly (readonly [name: string, value: BthomeValue])[];
  /** Id of the object at which reading ended because nobody knows its length; null when all were read. */
  readonly unknownObject: number | null;
  /** Id of the object that the value ends within; null when all are whole. */
  readonly truncatedObject: number | null;
  /** From the object on that could not be read, without its id; usually empty. */
  readonly unread: Uint8Array;
}

const VERSION = 2;
const MAC_OCTETS = 6;

function readText(octets: Uint8Array): string | Uint8Array {
  try {
    return decodeUtf8(octets);
  } catch (error) {
    if (isFault(error)) return octets;
    throw error;
  }
}

function readValue(reader: ByteReader, object: BthomeObject): BthomeValue {
  switch (object.kind) {
    case 'number': {
      const raw = reader.uint(object.octets);
      const limit = 256 ** object.octets;
      return scaled(object.signed && raw >= limit / 2 ? raw - limit : raw, object);
    }
    case 'boolean':
      return reader.u8() !== 0;
    case 'octets':
      return reader.bytes(object.octets);
    case 'text':
      return readText(reader.bytes(reader.u8()));
    case 'raw':
      return reader.bytes(reader.u8());
  }
}

/**
 * Objects are independent, so those before one that is unknown or cut off stand. Throws `truncated` when not even the
 * header is whole, `version` on another version, and `encrypted`: there is no key here.
 */
export function decodeBthome(bytes: Uint8Array): BthomeAdvertisement {
  const reader = new ByteReader(bytes);
  const information = reader.u8();
  if (information >>> 5 !== VERSION) throw new Fault('version', 'not version 2');
  if (hasBit(information, 0)) throw new Fault('encrypted', 'encrypted');
  const mac = hasBit(information, 1) ? encodeHex(reader.bytes(MAC_OCTETS).reverse()) : null;
  const trigger = hasBit(information, 2);
  const values: [string, BthomeValue][] = [];
  const ended = (unknownObject: number | null, truncatedObject: number | null, unread: Uint8Array) => {
    return { mac, trigger, values, unknownObject, truncatedObject, unread };
  };
  while (reader.remaining > 0) {
    const id = reader.u8();
    const at = bytes.length - reader.remaining;
    const object = BTHOME_OBJECTS.get(id);
    if (!object) return ended(id, null, reader.rest());
    try {
      values.push([object.name, readValue(reader, object)]);
    } catch (error) {
      if (isFault(error, 'truncated')) return ended(null, id, copyBytes(bytes, at));
      throw error;
    }
  }
  return ended(null, null, new Uint8Array());
}

function encodeNumber(object: Extract<BthomeObject, { kind: 'number' }>, value: BthomeValue): Uint8Array | undefined {
  const isNumber = typeof value === 'object' && !(value instanceof Uint8Array);
  if (!isNumber || value.exponent !== object.exponent || value.mantissa % object.step !== 0) return undefined;
  const raw = unscaled(value, object);
  const limit = 256 ** object.octets;
  const lowest = object.signed ? -limit / 2 : 0;
  if (raw < lowest || raw >= lowest + limit) return undefined;
  return new ByteWriter().uint(object.octets, raw < 0 ? raw + limit : raw).take();
}

/** Octets of the value behind its id, or undefined when the object cannot say exactly that. */
function encodeValue(object: BthomeObject, value: BthomeValue): Uint8Array | undefined {
  const octets = typeof value === 'string' ? encodeUtf8(value) : value;
  switch (object.kind) {
    case 'number':
      return encodeNumber(object, value);
    case 'boolean':
      return typeof value === 'boolean' ? Uint8Array.of(value ? 1 : 0) : undefined;
    case 'octets':
      return value instanceof Uint8Array && value.length === object.octets ? value : undefined;
    case 'text':
    case 'raw':
      if (!(octets instanceof Uint8Array) || octets.length > 255) return undefined;
      return Uint8Array.of(octets.length, ...octets);
  }
}

/**
 * The reverse of {@link decodeBthome}: each value as the object of the lowest id that has its name, can hold it and has
 * its number of decimals. Throws `range` when there is none.
 */
export function encodeBthome({
  mac,
  trigger,
  values,
}: Pick<BthomeAdvertisement, 'mac' | 'trigger' | 'values'>): Uint8Array {
  const writer = new ByteWriter().u8((VERSION << 5) | (mac === null ? 0 : 2) | (trigger ? 4 : 0));
  if (mac !== null) {
    const address = decodeHex(mac).reverse();
    if (address.length !== MAC_OCTETS) throw new Fault('range', 'an address has six octets');
    writer.bytes(address);
  }
  for (const [name, value] of values) writeObject(writer, name, value);
  return writer.take();
}

function writeObject(writer: ByteWriter, name: string, value: BthomeValue): void {
  for (const [id, object] of BTHOME_OBJECTS) {
    const octets = object.name === name ? encodeValue(object, value) : undefined;
    if (octets) {
      writer.u8(id).bytes(octets);
      return;
    }
  }
  throw new Fault('range', 'no object holds this value');
}
