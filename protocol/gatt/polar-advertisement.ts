/** Heart rate in the manufacturer data that Polar straps advertise, company identifier 0x006B included. */
import { ByteReader } from '../bytes.ts';
import { Fault } from '../fault.ts';
import { hasBit } from './bits.ts';
import { ByteWriter } from './writer.ts';

const POLAR = 0x006b;

/** What a strap broadcasts while nobody is connected, or beside a connection. */
export interface PolarAdvertisement {
  /** Beats per minute as the strap itself would show it: the slow average where there is one, else the fast. */
  readonly bpm: number;
  readonly fastBpm: number;
  /** null in the short form of old straps. */
  readonly slowBpm: number | null;
  readonly contactDetected: boolean;
  readonly batteryOk: boolean;
  /** Changes with each new value, modulo 8: a repeated one is the same measurement again. */
  readonly counter: number;
  /** All bits of the status octet as sent. */
  readonly status: number;
  /** Code of the 5 kHz transmission. */
  readonly khzCode: number;
}

/**
 * Five or six octets. Throws `truncated`, `trailing`, and `range` when the data are another company's or, by bit 6 of the
 * status, no heart rate.
 */
export function decodePolarAdvertisement(bytes: Uint8Array): PolarAdvertisement {
  const reader = new ByteReader(bytes);
  if (reader.u16() !== POLAR) throw new Fault('range', 'data of another company');
  const status = reader.u8();
  if (hasBit(status, 6)) throw new Fault('range', 'no heart rate');
  const khzCode = reader.u8();
  const fastBpm = reader.u8();
  const slowBpm = reader.remaining > 0 ? reader.u8() : null;
  reader.end();
  return {
    bpm: slowBpm ?? fastBpm,
    fastBpm,
    slowBpm,
    contactDetected: hasBit(status, 1),
    batteryOk: hasBit(status, 0),
    counter: (status >>> 2) & 7,
    status,
    khzCode,
  };
}

/** The reverse of {@link decodePolarAdvertisement}; of the status, `status` is written. Throws `range`. */
export function encodePolarAdvertisement(
  value: Pick<PolarAdvertisement, 'status' | 'khzCode' | 'fastBpm' | 'slowBpm'>,
): Uint8Array {
  const writer = new ByteWriter().u16(POLAR).u8(value.status).u8(value.khzCode).u8(value.fastBpm);
  if (value.slowBpm !== null) writer.u8(value.slowBpm);
  return writer.take();
}
