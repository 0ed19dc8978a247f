/**
 * Device Information service (DIS): System ID 2A23, regulatory certification data 2A2A, PnP ID 2A50, UDI for Medical
 * Devices 2BFF. They name the device, so they are never written to a log.
 */
import { ByteReader, decodeUtf8, encodeHex, encodeUtf8 } from '../bytes.ts';
import { Fault, isFault } from '../fault.ts';
import { hasBit } from './bits.ts';
import { type Extensible, skipUnknown } from './trailing.ts';
import { ByteWriter } from './writer.ts';

const SOURCES = ['sig', 'usb'] as const;

/** 2A50. */
export interface PnpId {
  /** Who gave the vendor number: the Bluetooth SIG or the USB Implementers Forum. */
  readonly source: (typeof SOURCES)[number];
  readonly vendor: number;
  readonly product: number;
  /** Binary coded decimal 0xJJMN for version JJ.M.N. */
  readonly version: number;
}

/** Throws `truncated`, `trailing`, and `range` on a reserved source. */
export function decodePnpId(bytes: Uint8Array): PnpId {
  const reader = new ByteReader(bytes);
  const source = SOURCES[reader.u8() - 1];
  const vendor = reader.u16();
  const product = reader.u16();
  const version = reader.u16();
  reader.end();
  if (source === undefined) throw new Fault('range', 'reserved source of the vendor number');
  return { source, vendor, product, version };
}

/** The reverse of {@link decodePnpId}. Throws `range`. */
export function encodePnpId({ source, vendor, product, version }: PnpId): Uint8Array {
  const writer = new ByteWriter().u8(SOURCES.indexOf(source) + 1);
  return writer.u16(vendor).u16(product).u16(version).take();
}

/** 2A23: an EUI-64 in two parts. */
export interface SystemId {
  /** The 40 bits that the manufacturer gives. */
  readonly manufacturerId: number;
  /** The 24 bits of the manufacturer. */
  readonly oui: number;
  /** The whole, 16 hex digits, most significant first, as 11073-20601 writes a system id. */
  readonly eui64: string;
}

/** Throws `truncated`, `trailing`. */
export function decodeSystemId(bytes: Uint8Array): SystemId {
  const reader = new ByteReader(bytes);
  const manufacturerId = reader.uint(5);
  const oui = reader.u24();
  reader.end();
  return { manufacturerId, oui, eui64: encodeHex(Uint8Array.from(bytes).reverse()) };
}

/** The reverse of {@link decodeSystemId}. Throws `range`. */
export function encodeSystemId({ manufacturerId, oui }: Omit<SystemId, 'eui64'>): Uint8Array {
  return new ByteWriter().uint(5, manufacturerId).u24(oui).take();
}

/** 2A2A: certification data as 11073-20601 encodes them, kept and not looked into. */
export interface CertificationData {
  readonly data: Uint8Array;
}

/** Any octets, also none. */
export function decodeCertificationData(bytes: Uint8Array): CertificationData {
  return { data: new ByteReader(bytes).rest() };
}

/** The reverse of {@link decodeCertificationData}. */
export function encodeCertificationData({ data }: CertificationData): Uint8Array {
  return new ByteWriter().bytes(data).take();
}

/** 2BFF: Unique Device Identifier. Each null when not sent. */
export interface Udi extends Extensible {
  /** As printed on the device. */
  readonly label: string | null;
  /** Device identifier, the part that is the same for all devices of a model. */
  readonly di: string | null;
  /** OID or URI of who gave the identifier. */
  readonly issuer: string | null;
  /** OID or URI of the authority that the identifier is for. */
  readonly authority: string | null;
}

const UDI_RESERVED_FLAGS = 0b1111_0000;

/** Next octets up to a NUL, which is consumed. Throws `truncated` without one, `range` when they are not UTF-8. */
function readText(reader: ByteReader): string {
  const octets: number[] = [];
  for (let octet = reader.u8(); octet !== 0; octet = reader.u8()) octets.push(octet);
  try {
    return decodeUtf8(Uint8Array.from(octets));
  } catch (error) {
    if (isFault(error, 'malformed')) throw new Fault('range', 'not UTF-8');
    throw error;
  }
}

function writeText(writer: ByteWriter, text: string): void {
  if (text.includes('\0')) throw new Fault('range', 'NUL ends a text');
  writer.bytes(encodeUtf8(text)).u8(0);
}

/** Throws `truncated`, `trailing`, and `range` on a text that is not UTF-8. */
export function decodeUdi(bytes: Uint8Array): Udi {
  const reader = new ByteReader(bytes);
  const flags = reader.u8();
  const text = (bit: number) => (hasBit(flags, bit) ? readText(reader) : null);
  return {
    label: text(0),
    di: text(1),
    issuer: text(2),
    authority: text(3),
    unknownOctets: skipUnknown(reader, flags, UDI_RESERVED_FLAGS),
  };
}

/** The reverse of {@link decodeUdi}. Throws `range`. */
export function encodeUdi({ label, di, issuer, authority }: Omit<Udi, 'unknownOctets'>): Uint8Array {
  const texts = [label, di, issuer, authority];
  const writer = new ByteWriter();
  writer.u8(texts.reduce<number>((bits, text, bit) => (text === null ? bits : bits | (1 << bit)), 0));
  for (const text of texts) if (text !== null) writeText(writer, text);
  return writer.take();
}
