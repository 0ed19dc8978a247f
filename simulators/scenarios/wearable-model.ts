/** What every kind of wearable of a scenario has to say of itself, and the numbers that it tells. */
import { type Decimal, decimalToString } from '../../protocol/decimal.ts';
import type { Instant, WallClock } from '../../protocol/time.ts';
import type { Person } from '../body/physiology.ts';
import type { DeviceOptions } from '../devices/device-services.ts';
import type { VirtualPeripheral } from '../hci/virtual-peripheral.ts';
import type { Keeping } from './kinds.ts';

/** One vital sign of a measurement, as precise as the wearable tells it. */
export interface TrueVital {
  readonly mdc: number;
  readonly value: string;
  /** UCUM. */
  readonly unit: string;
}

/** What a wearable is about to tell. */
export interface Taken {
  readonly vitals: readonly TrueVital[];
  act(device: VirtualPeripheral): Promise<unknown>;
}

export interface WearableModel {
  readonly keeps: Keeping;
  /** UUID of the characteristic that carries its values; of a broadcast the one of the service data. */
  readonly carrier: number;
  create(options: DeviceOptions, startedAt: Instant): VirtualPeripheral;
  take(person: Person, moment: Moment): Taken;
}

/** When a measurement is taken, and what the wearable's clock, set right, shows then. */
export interface Moment {
  readonly at: Instant;
  /** Since the one before. */
  readonly everyMs: number;
  /** Local. */
  readonly shown: WallClock;
  readonly startedAt: Instant;
  readonly zoneMin: number;
}

export const vital = (mdc: number, value: Decimal, unit: string): TrueVital => ({
  mdc,
  value: decimalToString(value),
  unit,
});
export const whole = (mantissa: number): Decimal => ({ mantissa, exponent: 0 });
/** In steps of `step` x 10^exponent. */
export const inSteps = (value: number, step: number, exponent: number): Decimal => ({
  mantissa: Math.round(value / (step * 10 ** exponent)) * step,
  exponent,
});
export const kilograms = (value: number) => inSteps(value, 5, -3);

/** A model whose device has the type that it creates. */
export function model<D extends VirtualPeripheral>(declared: {
  keeps: Keeping;
  carrier: number;
  create: (options: DeviceOptions, startedAt: Instant) => D;
  take: (
    person: Person,
    moment: Moment,
  ) => { vitals: readonly TrueVital[]; act: (device: D) => Promise<unknown> | undefined };
}): WearableModel {
  return {
    ...declared,
    take(person, moment) {
      const { vitals, act } = declared.take(person, moment);
      return { vitals, act: async (device) => act(device as D) };
    },
  };
}
