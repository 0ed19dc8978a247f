/** Current Time service (CTS): Current Time 2A2B and Local Time Information 2A0F. */
import { ByteReader } from '../bytes.ts';
import { Fault } from '../fault.ts';
import { bitsOfNames, namesOfBits } from './bits.ts';
import {
  type DateTime,
  type DstOffset,
  readDateTime,
  readDstOffset,
  readTimeZone,
  type TimeZone,
  writeDateTime,
  writeDstOffset,
  writeTimeZone,
} from './date-time.ts';
import { ByteWriter } from './writer.ts';

// GSS Current Time, Adjust Reason: bits 4..7 are reserved.
const ADJUST = ['manual', 'externalReference', 'timeZone', 'dst'] as const;

/** 2A2B: what the device's clock shows. */
export interface CurrentTime {
  readonly time: DateTime;
  /** 1 = Monday .. 7 = Sunday, 0 = unknown; not compared with the date. */
  readonly dayOfWeek: number;
  /** 1/256 s. */
  readonly fraction256: number;
  /** Why the clock was changed since it was last told. */
  readonly adjust: readonly (typeof ADJUST)[number][];
}

/** Throws `truncated`, `trailing`, and `range` on an impossible field. */
export function decodeCurrentTime(bytes: Uint8Array): CurrentTime {
  const reader = new ByteReader(bytes);
  const time = readDateTime(reader);
  const dayOfWeek = reader.u8();
  const fraction256 = reader.u8();
  const adjust = namesOfBits(reader.u8(), ADJUST);
  reader.end();
  if (dayOfWeek > 7) throw new Fault('range', 'no such day of the week');
  return { time, dayOfWeek, fraction256, adjust };
}

/** The reverse of {@link decodeCurrentTime}. Throws `range`. */
export function encodeCurrentTime({ time, dayOfWeek, fraction256, adjust }: CurrentTime): Uint8Array {
  if (dayOfWeek > 7) throw new Fault('range', 'no such day of the week');
  const writer = writeDateTime(new ByteWriter(), time);
  return writer.u8(dayOfWeek).u8(fraction256).u8(bitsOfNames(adjust, ADJUST)).take();
}

/** 2A0F: local time is UTC plus both. */
export interface LocalTimeInformation extends TimeZone, DstOffset {}

/** Throws `truncated`, `trailing`, `range`. */
export function decodeLocalTimeInformation(bytes: Uint8Array): LocalTimeInformation {
  const reader = new ByteReader(bytes);
  const tzMin = readTimeZone(reader);
  const dstMin = readDstOffset(reader);
  reader.end();
  return { tzMin, dstMin };
}

/** The reverse of {@link decodeLocalTimeInformation}. Throws `range`. */
export function encodeLocalTimeInformation({ tzMin, dstMin }: LocalTimeInformation): Uint8Array {
  return writeDstOffset(writeTimeZone(new ByteWriter(), tzMin), dstMin).take();
}
