/** Battery service (BAS): Battery Level Status 2BED, how a wearable is powered and charged. */
import { ByteReader } from '../bytes.ts';
import { Fault } from '../fault.ts';
import { bitsOfNames, hasBit, namesOfBits } from './bits.ts';
import { type Extensible, skipUnknown } from './trailing.ts';
import { ByteWriter } from './writer.ts';

// GSS Battery Level Status, Power State: lists in the order of their codes.
const ANSWERS = ['no', 'yes', 'unknown', 'reserved'] as const;
const CHARGE_STATES = ['unknown', 'charging', 'activeDischarging', 'inactiveDischarging'] as const;
const CHARGE_LEVELS = ['unknown', 'good', 'low', 'critical'] as const;
const CHARGING_TYPES = [
  'unknown',
  'constantCurrent',
  'constantVoltage',
  'trickle',
  'float',
  'reserved',
  'reserved',
  'reserved',
] as const;
const FAULTS = ['battery', 'externalPower', 'other'] as const;

type Answer = (typeof ANSWERS)[number];

/** 2BED. */
export interface BatteryLevelStatus extends Extensible {
  /** Whether there is a battery. */
  readonly present: boolean;
  /** Whether external power is connected. */
  readonly wired: Answer;
  readonly wireless: Answer;
  readonly chargeState: (typeof CHARGE_STATES)[number];
  readonly chargeLevel: (typeof CHARGE_LEVELS)[number];
  /** `unknown` also when not charging. */
  readonly chargingType: (typeof CHARGING_TYPES)[number];
  readonly chargingFaults: readonly (typeof FAULTS)[number][];
  /** Which battery of several; null when not sent. */
  readonly identifier: number | null;
  /** 0..100; null when not sent. */
  readonly percent: number | null;
  /** null when not sent. */
  readonly additional: { readonly serviceRequired: Answer; readonly batteryFault: boolean } | null;
}

const RESERVED_FLAGS = 0b1111_1000;

/** Throws `truncated`, `trailing`, and `range` above 100 %. */
export function decodeBatteryLevelStatus(bytes: Uint8Array): BatteryLevelStatus {
  const reader = new ByteReader(bytes);
  const flags = reader.u8();
  const power = reader.u16();
  const identifier = hasBit(flags, 0) ? reader.u16() : null;
  const percent = hasBit(flags, 1) ? reader.u8() : null;
  if (percent !== null && percent > 100) throw new Fault('range', 'more than 100 percent');
  const more = hasBit(flags, 2) ? reader.u8() : null;
  return {
    present: hasBit(power, 0),
    wired: ANSWERS[(power >>> 1) & 3]!,
    wireless: ANSWERS[(power >>> 3) & 3]!,
    chargeState: CHARGE_STATES[(power >>> 5) & 3]!,
    chargeLevel: CHARGE_LEVELS[(power >>> 7) & 3]!,
    chargingType: CHARGING_TYPES[(power >>> 9) & 7]!,
    chargingFaults: namesOfBits(power >>> 12, FAULTS),
    identifier,
    percent,
    additional: more === null ? null : { serviceRequired: ANSWERS[more & 3]!, batteryFault: hasBit(more, 2) },
    unknownOctets: skipUnknown(reader, flags, RESERVED_FLAGS),
  };
}

/** The reverse of {@link decodeBatteryLevelStatus}. Throws `range`. */
export function encodeBatteryLevelStatus(status: Omit<BatteryLevelStatus, 'unknownOctets'>): Uint8Array {
  const { identifier, percent, additional } = status;
  if (percent !== null && percent > 100) throw new Fault('range', 'more than 100 percent');
  const external = (ANSWERS.indexOf(status.wired) << 1) | (ANSWERS.indexOf(status.wireless) << 3);
  const charge = (CHARGE_STATES.indexOf(status.chargeState) << 5) | (CHARGE_LEVELS.indexOf(status.chargeLevel) << 7);
  const faults = bitsOfNames(status.chargingFaults, FAULTS) << 12;
  const power = (status.present ? 1 : 0) | external | charge | (CHARGING_TYPES.indexOf(status.chargingType) << 9);
  const writer = new ByteWriter();
  writer.u8((identifier === null ? 0 : 1) | (percent === null ? 0 : 2) | (additional === null ? 0 : 4));
  writer.u16(power | faults);
  if (identifier !== null) writer.u16(identifier);
  if (percent !== null) writer.u8(percent);
  if (additional !== null) {
    writer.u8(ANSWERS.indexOf(additional.serviceRequired) | (additional.batteryFault ? 4 : 0));
  }
  return writer.take();
}
