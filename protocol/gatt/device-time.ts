/** Device Time service (DTS): Device Time 2B90. */
import { ByteReader } from '../bytes.ts';
import { bitsOfNames, namesOfBits } from './bits.ts';
import { readDstOffset, readTimeZone, writeDstOffset, writeTimeZone } from './date-time.ts';
import { ByteWriter } from './writer.ts';

// DTS Device Time, DT Status: bits 7..15 are reserved.
const STATUS = [
  'timeFault',
  'utcAligned',
  'localTimeSynchronized',
  'updateProposed',
  'epoch2000',
  'nonLoggedChange',
  'logConsolidation',
] as const;

/** 2B90. */
export interface DeviceTime {
  /** Seconds since the first of January of the epoch. */
  readonly baseTime: number;
  /** 2000 where the status says so, else 1900. */
  readonly epoch: 1900 | 2000;
  /** Minutes east of UTC without daylight saving; null = unknown. */
  readonly tzMin: number | null;
  /** Minutes of daylight saving; null = unknown. */
  readonly dstMin: number | null;
  readonly status: readonly (typeof STATUS)[number][];
}

/**
 * Eight octets. Throws `truncated`, `range`, and `trailing` also on the optional fields that DT Feature can announce:
 * nothing in the value itself tells them apart.
 */
export function decodeDeviceTime(bytes: Uint8Array): DeviceTime {
  const reader = new ByteReader(bytes);
  const baseTime = reader.u32();
  const tzMin = readTimeZone(reader);
  const dstMin = readDstOffset(reader);
  const status = namesOfBits(reader.u16(), STATUS);
  reader.end();
  return { baseTime, epoch: status.includes('epoch2000') ? 2000 : 1900, tzMin, dstMin, status };
}

/** The reverse of {@link decodeDeviceTime}; the epoch is that of the status. Throws `range`. */
export function encodeDeviceTime({ baseTime, tzMin, dstMin, status }: Omit<DeviceTime, 'epoch'>): Uint8Array {
  const writer = writeTimeZone(new ByteWriter().u32(baseTime), tzMin);
  return writeDstOffset(writer, dstMin).u16(bitsOfNames(status, STATUS)).take();
}
