/** A thermometer: Health Thermometer service 1809 (HTS). It keeps measurements until each is confirmed. */
import type { SensorValue } from '../../protocol/decimal.ts';
import { wallClockToDateTime } from '../../protocol/gatt/date-time.ts';
import { encodeTemperatureMeasurement, type TemperatureType } from '../../protocol/gatt/temperature.ts';
import type { WallClock } from '../../protocol/time.ts';
import type { DeviceOptions } from './device-services.ts';
import { MeasurementStore } from './measurement-store.ts';
import { Wearable } from './wearable.ts';

const TEMPERATURE_MEASUREMENT = 0x2a1c;
const INTERMEDIATE_TEMPERATURE = 0x2a1e;

export interface ThermometerMeasurement {
  readonly temperature: SensorValue;
  /** Degrees Celsius by default. */
  readonly unit?: 'C' | 'F';
  /** What the thermometer's clock showed. */
  readonly at?: WallClock;
  readonly type?: TemperatureType;
}

export class Thermometer extends Wearable {
  readonly #store: MeasurementStore;

  /** With `intermediate` it can show the temperature while it still rises. */
  constructor(options: DeviceOptions & { readonly intermediate?: boolean }) {
    super(options, 'Thermometer', [
      {
        uuid: 0x1809,
        characteristics: [
          { uuid: TEMPERATURE_MEASUREMENT, properties: ['indicate'] },
          ...(options.intermediate ? [{ uuid: INTERMEDIATE_TEMPERATURE, properties: ['notify'] as const }] : []),
        ],
      },
    ]);
    this.#store = new MeasurementStore(this, TEMPERATURE_MEASUREMENT);
  }

  /** How many measurements nobody has confirmed yet. */
  get unsent(): number {
    return this.#store.size;
  }

  /** Takes a measurement. True once it is confirmed, false when it waits for a subscriber. */
  measure({ temperature, unit = 'C', at, type }: ThermometerMeasurement): Promise<boolean> {
    const timestamp = at === undefined ? null : wallClockToDateTime(at);
    const measurement = { value: temperature, unit, timestamp, type: type ?? null };
    return this.#store.push(encodeTemperatureMeasurement(measurement));
  }

  /**
   * Notifies a temperature that is not final: for display, and kept by nobody. False when nobody subscribed. Throws
   * `range`; rejects with a RangeError on a thermometer without `intermediate`.
   */
  showTemperature(temperature: SensorValue): Promise<boolean> {
    const value = encodeTemperatureMeasurement({ value: temperature, unit: 'C', timestamp: null, type: null });
    return this.send(INTERMEDIATE_TEMPERATURE, value);
  }

  /** Resolves when no measurement waits any more. */
  whenSent(): Promise<void> {
    return this.#store.whenEmpty();
  }

  /** Resolves when somebody listens for measurements. */
  whenHeard(): Promise<void> {
    return this.whenSubscribed(TEMPERATURE_MEASUREMENT);
  }
}

export function createThermometer(options: ConstructorParameters<typeof Thermometer>[0]): Thermometer {
  return new Thermometer(options);
}
