/**
 * A glucose sensor under the skin: Continuous Glucose Monitoring service 181F (CGMS), with check sums. It tells times as
 * minutes since the start of its session, and keeps measurements until somebody listens.
 */
import type { SensorValue } from '../../protocol/decimal.ts';
import { type CgmWarningFlag, encodeCgmMeasurement, encodeCgmStatus } from '../../protocol/gatt/cgm.ts';
import {
  encodeCgmFeature,
  encodeCgmSessionRunTime,
  encodeCgmSessionStartTime,
} from '../../protocol/gatt/cgm-session.ts';
import { wallClockToDateTime } from '../../protocol/gatt/date-time.ts';
import type { WallClock } from '../../protocol/time.ts';
import type { DeviceOptions } from './device-services.ts';
import { MeasurementStore } from './measurement-store.ts';
import { Wearable } from './wearable.ts';

const CGM_MEASUREMENT = 0x2aa7;
/** Largest number of minutes of one session (u16); a longer recording needs a new session. */
export const MAX_OFFSET_MIN = 65_535;

/** When a session began. */
export interface CgmSession {
  /** What the sensor's clock showed. */
  readonly startedAt: WallClock;
  /** Minutes east of UTC without daylight saving; null = the sensor does not know. */
  readonly tzMin: number | null;
  /** Minutes of daylight saving; null = the sensor does not know. */
  readonly dstMin: number | null;
}

export interface GlucoseMeasurement {
  /** mg/dL. */
  readonly glucose: SensorValue;
  /** Whole minutes since the session started, 0 to {@link MAX_OFFSET_MIN}. */
  readonly offsetMin: number;
  /** mg/dL per minute. */
  readonly trend?: SensorValue;
  readonly warning?: readonly CgmWarningFlag[];
}

export class Cgm extends Wearable {
  readonly #store: MeasurementStore;
  readonly #state: { session: CgmSession; offsetMin: number };

  constructor(options: DeviceOptions & { readonly session: CgmSession }) {
    const state = { session: options.session, offsetMin: 0 };
    encodeSession(state.session);
    super(options, 'CGM', [
      {
        uuid: 0x181f,
        characteristics: [
          { uuid: CGM_MEASUREMENT, properties: ['notify'] },
          {
            uuid: 0x2aa8,
            properties: ['read'],
            value: encodeCgmFeature({
              features: ['e2eCrc', 'multipleSessions', 'trend'],
              type: 'isf',
              location: 'subcutaneous',
            }),
          },
          {
            uuid: 0x2aa9,
            properties: ['read'],
            value: () =>
              encodeCgmStatus({ offsetMin: state.offsetMin, status: [], calTemp: [], warning: [], crc: 'compute' }),
          },
          { uuid: 0x2aaa, properties: ['read'], value: () => encodeSession(state.session) },
          { uuid: 0x2aab, properties: ['read'], value: encodeCgmSessionRunTime({ hours: 24 * 14, crc: 'compute' }) },
        ],
      },
    ]);
    this.#state = state;
    this.#store = new MeasurementStore(this, CGM_MEASUREMENT);
  }

  /** How many measurements wait for a subscriber. */
  get unsent(): number {
    return this.#store.size;
  }

  /**
   * Starts a new session. What the old one measured is sent first, since its times count from the old start; so this
   * resolves only when somebody has heard it. A link is dropped, and the next one reads the new start.
   */
  async startSession(session: CgmSession): Promise<void> {
    encodeSession(session);
    await this.#store.whenEmpty();
    this.#state.session = session;
    this.#state.offsetMin = 0;
    this.disconnect();
  }

  /** Takes a measurement. True once the host has it, false when it waits for a subscriber. Throws `range`. */
  measure({ glucose, offsetMin, trend, warning }: GlucoseMeasurement): Promise<boolean> {
    const record = {
      glucose,
      offsetMin,
      status: null,
      calTemp: null,
      warning: warning ?? null,
      trend: trend ?? null,
      quality: null,
      crc: 'compute' as const,
    };
    const value = encodeCgmMeasurement({ records: [record] });
    this.#state.offsetMin = offsetMin;
    return this.#store.push(value);
  }

  /** Resolves when no measurement waits any more. */
  whenSent(): Promise<void> {
    return this.#store.whenEmpty();
  }

  /** Resolves when somebody listens for measurements. */
  whenHeard(): Promise<void> {
    return this.whenSubscribed(CGM_MEASUREMENT);
  }
}

/** Throws `range` or `malformed` on a start that cannot be. */
function encodeSession({ startedAt, tzMin, dstMin }: CgmSession): Uint8Array {
  return encodeCgmSessionStartTime({ time: wallClockToDateTime(startedAt), tzMin, dstMin, crc: 'compute' });
}

export function createCgm(options: DeviceOptions & { readonly session: CgmSession }): Cgm {
  return new Cgm(options);
}
