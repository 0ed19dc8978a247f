/**
 * Readings of advertised data: BTHome under service FCD2, Xiaomi scales under 181D and 181B, Polar straps under company
 * 006B. They repeat while nothing changes, and some before anything is measured.
 */
import type { Decimal } from '../decimal.ts';
import { instantToWallClock } from '../time.ts';
import { MDC } from '../vital-signs.ts';
import { type BthomeAdvertisement, decodeBthome } from './bthome.ts';
import {
  type Details,
  deviceClockOf,
  flagsOf,
  type Measurement,
  measurement,
  notAResult,
  whole,
} from './measured-vital.ts';
import { decodeMiScaleComposition, decodeMiScaleWeight, type MiScaleWeight } from './mi-scale.ts';
import { decodePolarAdvertisement } from './polar-advertisement.ts';
import type { QualityFlag } from './quality.ts';

/** BTHome objects that are vital signs. */
const BTHOME: Readonly<Record<string, readonly [vital: number, unit: string]>> = {
  temperature: [MDC.temperature, 'Cel'],
  massKg: [MDC.weight, 'kg'],
  massLb: [MDC.weight, '[lb_av]'],
  battery: [MDC.battery, '%'],
};

/** FCD2. */
export function bthomeReadings(bytes: Uint8Array): Measurement {
  const decoded = decodeBthome(bytes);
  const shared = { flags: flagsOf([], { unknownOctets: unreadOf(decoded) }), ...timestampOf(decoded) };
  const readings = decoded.values.flatMap(([name, value]): Details[] => {
    const [vital, unit] = Object.hasOwn(BTHOME, name) ? BTHOME[name]! : [];
    if (vital === undefined || unit === undefined) return [];
    return [{ vital, value: value as Decimal, unit, ...shared }];
  });
  return measurement(bytes, readings);
}

function unreadOf({ unread, unknownObject, truncatedObject }: BthomeAdvertisement): number {
  return unread.length + (unknownObject === null && truncatedObject === null ? 0 : 1);
}

/** BTHome object 50: seconds since 1970, UTC. */
function timestampOf({ values }: BthomeAdvertisement): Pick<Details, 'deviceClock' | 'zoneMin'> {
  const [, seconds] = values.find(([name]) => name === 'timestamp') ?? [];
  if (seconds === undefined) return {};
  return { deviceClock: instantToWallClock((seconds as Decimal).mantissa * 1000, 0), zoneMin: 0 };
}

/** 181D. */
export function miScaleWeightReadings(bytes: Uint8Array): Measurement {
  return miScaleReadings(bytes, decodeMiScaleWeight(bytes));
}

/** 181B. The impedance has no code here and stays in the raw bytes. */
export function miScaleCompositionReadings(bytes: Uint8Array): Measurement {
  return miScaleReadings(bytes, decodeMiScaleComposition(bytes));
}

/** The scale shows 1970 until its clock is set for the first time; it did not exist before 2000. */
const FIRST_YEAR = 2000;

function miScaleReadings(bytes: Uint8Array, decoded: MiScaleWeight): Measurement {
  const { weight, unit, timestamp, stabilized, removed } = decoded;
  if (!stabilized || removed) return notAResult('unsettled');
  const isSet = timestamp[0] !== null && timestamp[0] >= FIRST_YEAR;
  const flags: QualityFlag[] = isSet ? [] : ['clock-not-set'];
  // A jin is half a kilogram, exactly: its hundredths are the steps of 0.005 kg.
  const value = unit === 'jin' ? { mantissa: weight.mantissa * 5, exponent: weight.exponent - 1 } : weight;
  const reading: Details = {
    vital: MDC.weight,
    value,
    unit: unit === 'lb' ? '[lb_av]' : 'kg',
    flags,
    ...(isSet && deviceClockOf(timestamp)),
  };
  return measurement(bytes, [reading]);
}

/** 006B. */
export function polarReadings(bytes: Uint8Array): Measurement {
  const { bpm, contactDetected, batteryOk } = decodePolarAdvertisement(bytes);
  const flags: QualityFlag[] = [...(batteryOk ? [] : (['battery-low'] as const))];
  if (!contactDetected) flags.push('no-contact');
  return measurement(bytes, [{ vital: MDC.heartRate, value: whole(bpm), unit: '/min', flags }]);
}
