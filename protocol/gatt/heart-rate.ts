/** Heart Rate service (HRS): Heart Rate Measurement 2A37, Body Sensor Location 2A38 and Control Point 2A39. */
import { ByteReader } from '../bytes.ts';
import { Fault } from '../fault.ts';
import { hasBit } from './bits.ts';
import { type Extensible, skipUnknown } from './trailing.ts';
import { ByteWriter } from './writer.ts';

/** 2A37. */
export interface HeartRateMeasurement extends Extensible {
  /** Beats per minute, 0..65535; 0 is what some straps send without contact. */
  readonly heartRate: number;
  /** Whether the sensor can tell contact at all. */
  readonly contactSupported: boolean;
  /** null when the sensor cannot tell; never read absence as "not worn". */
  readonly contactDetected: boolean | null;
  /** Energy expended since the last reset, kJ; stays at 65535 when full; null when not sent. */
  readonly energyKJ: number | null;
  /** Times between beats in 1/1024 s, oldest first; empty when not sent. */
  readonly rr1024: readonly number[];
}

const RESERVED_FLAGS = 0b1110_0000;

/** Throws `truncated`, `trailing`. RR intervals reach to the end of the value, so half an interval is `truncated`. */
export function decodeHeartRateMeasurement(bytes: Uint8Array): HeartRateMeasurement {
  const reader = new ByteReader(bytes);
  const flags = reader.u8();
  const heartRate = hasBit(flags, 0) ? reader.u16() : reader.u8();
  // GSS Heart Rate Measurement: bit 2 says supported, bit 1 says detected; bit 1 alone means nothing.
  const contactSupported = hasBit(flags, 2);
  const contactDetected = contactSupported ? hasBit(flags, 1) : null;
  const energyKJ = hasBit(flags, 3) ? reader.u16() : null;
  const rr1024: number[] = [];
  if (hasBit(flags, 4)) {
    do rr1024.push(reader.u16());
    while (reader.remaining >= ((flags & RESERVED_FLAGS) === 0 ? 1 : 2));
  }
  const unknownOctets = skipUnknown(reader, flags, RESERVED_FLAGS);
  return { heartRate, contactSupported, contactDetected, energyKJ, rr1024, unknownOctets };
}

/** The reverse of {@link decodeHeartRateMeasurement}; one octet of heart rate where it fits. Throws `range`. */
export function encodeHeartRateMeasurement(measurement: Omit<HeartRateMeasurement, 'unknownOctets'>): Uint8Array {
  const { heartRate, contactSupported, contactDetected, energyKJ, rr1024 } = measurement;
  const wide = heartRate > 255;
  const contact = contactSupported ? (contactDetected ? 0b110 : 0b100) : 0;
  const writer = new ByteWriter();
  writer.u8((wide ? 1 : 0) | contact | (energyKJ === null ? 0 : 8) | (rr1024.length === 0 ? 0 : 16));
  writer.uint(wide ? 2 : 1, heartRate);
  if (energyKJ !== null) writer.u16(energyKJ);
  for (const interval of rr1024) writer.u16(interval);
  return writer.take();
}

/** 2A38 in the order of its codes, 0 first. */
const LOCATIONS = ['other', 'chest', 'wrist', 'finger', 'hand', 'earLobe', 'foot'] as const;

/** 2A38: where the sensor is meant to be worn. */
export interface BodySensorLocation {
  readonly location: (typeof LOCATIONS)[number];
}

/** Throws `truncated`, `trailing`, and `range` on a reserved code. */
export function decodeBodySensorLocation(bytes: Uint8Array): BodySensorLocation {
  const reader = new ByteReader(bytes);
  const location = LOCATIONS[reader.u8()];
  reader.end();
  if (location === undefined) throw new Fault('range', 'reserved body sensor location');
  return { location };
}

/** The reverse of {@link decodeBodySensorLocation}. */
export function encodeBodySensorLocation({ location }: BodySensorLocation): Uint8Array {
  return Uint8Array.of(LOCATIONS.indexOf(location));
}

/** 2A39: the only command that there is, which sets `energyKJ` of 2A37 back to 0. */
export interface HeartRateControlPoint {
  readonly command: 'resetEnergyExpended';
}

/** Throws `truncated`, `trailing`, and `range` on a reserved command. */
export function decodeHeartRateControlPoint(bytes: Uint8Array): HeartRateControlPoint {
  const reader = new ByteReader(bytes);
  const code = reader.u8();
  reader.end();
  if (code !== 1) throw new Fault('range', 'reserved command');
  return { command: 'resetEnergyExpended' };
}

/** The reverse of {@link decodeHeartRateControlPoint}. */
export function encodeHeartRateControlPoint(_: HeartRateControlPoint): Uint8Array {
  return Uint8Array.of(1);
}
