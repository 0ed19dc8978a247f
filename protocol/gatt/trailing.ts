/** What follows the last known field of a value with a flags octet (GSS: reserved bits may announce unknown fields). */
import type { ByteReader } from '../bytes.ts';

/** Carried by every measurement that has a flags octet. */
export interface Extensible {
  /** Octets of fields that this version does not know, announced by a reserved flag bit; usually 0. */
  readonly unknownOctets: number;
}

/**
 * Number of octets after the known fields. Throws `trailing` unless a reserved flag bit is set, which may announce
 * fields of a later version of the standard: these are skipped and counted.
 */
export function skipUnknown(reader: ByteReader, flags: number, reservedFlags: number): number {
  if ((flags & reservedFlags) === 0) reader.end();
  return reader.rest().length;
}
