/**
 * Contour, Accu-Chek, TaiDoc and CareSens glucose meters. What they do is cited in protocol/devices/ under their names.
 */
import type { SensorValue } from '../../../protocol/decimal.ts';
import { wallClockToDateTime } from '../../../protocol/gatt/date-time.ts';
import { encodeGlucoseMeasurement } from '../../../protocol/gatt/glucose.ts';
import type { WallClock } from '../../../protocol/time.ts';
import type { DeviceClock } from '../device-clock.ts';
import { createGlucoseMeter, GLUCOSE_CONTEXT, GLUCOSE_MEASUREMENT, type GlucoseMeter } from '../glucose-meter.ts';
import { createThermometer, type Thermometer } from '../thermometer.ts';
import type { FamilyIdentity } from './identity.ts';

export interface MeterOptions extends FamilyIdentity {
  readonly clock: DeviceClock;
}

/** Next One or Plus One: a clock of its own, in UTC with a zone; paired before anything is asked. */
export function createContourMeter({
  clock,
  ...identity
}: MeterOptions & { readonly firstSequence?: number }): GlucoseMeter {
  const as = 'contour';
  return createGlucoseMeter({ name: 'Contour HTEST', needs: 'encryption', ...identity, clock: { as, clock } });
}

/** Guide, Aviva Connect or Instant: six digits, Date Time within 1808, and off the air until something is stored. */
export function createAccuChekMeter({ clock, passkey, ...identity }: MeterOptions & { readonly passkey: number }) {
  const meter = createGlucoseMeter({
    name: 'meter+HTEST',
    needs: 'authentication',
    security: { io: 'display', passkey },
    ...identity,
    clock: { as: 'date-time-in-service', clock },
  });
  meter.stopAdvertising();
  return {
    meter,
    async measure(measurement: Parameters<GlucoseMeter['measure']>[0]): Promise<number> {
      const sequence = await meter.measure(measurement);
      meter.startAdvertising();
      return sequence;
    },
  };
}

/** Diamond Mini: the newest record comes first and has the lowest number; no clock, no context, no filters. */
export function createTaiDocMeter(identity: FamilyIdentity): GlucoseMeter {
  const records = { filters: false, newestFirst: true };
  return createGlucoseMeter({ name: 'Diamond HTEST', firstSequence: 500, ...identity, records, reversed: true });
}

export function createTaiDocThermometer(identity: FamilyIdentity): Thermometer {
  return createThermometer({ name: 'TD1241 HTEST', ...identity });
}

/** Shows six digits; its clock can be written and not read. */
export function createCareSensMeter({ passkey, clock, ...identity }: MeterOptions & { readonly passkey: number }) {
  const security = { io: 'display', passkey } as const;
  const as = 'care-sens';
  return createGlucoseMeter({
    name: 'CareSens HTEST',
    needs: 'authentication',
    security,
    ...identity,
    clock: { as, clock },
  });
}

/** Meal 6, which the standard reserves. */
const KETONE = 6;
/** The meal is there. */
const CONTEXT_FLAGS = 0x02;

/** Stores what looks like a glucose but for its context, which says that it is a ketone. */
export function storeKetone(meter: GlucoseMeter, sequence: number, concentration: SensorValue, at: WallClock): void {
  const value = encodeGlucoseMeasurement({
    sequence,
    baseTime: wallClockToDateTime(at),
    offsetMin: null,
    concentration,
    unit: 'mol/L',
    type: 'capillaryWhole',
    location: 'finger',
    status: null,
    contextFollows: true,
  });
  const context = Uint8Array.of(CONTEXT_FLAGS, sequence & 0xff, sequence >>> 8, KETONE);
  const values = [
    { characteristic: GLUCOSE_MEASUREMENT, value },
    { characteristic: GLUCOSE_CONTEXT, value: context },
  ];
  meter.memory.store({ number: sequence, values });
}
