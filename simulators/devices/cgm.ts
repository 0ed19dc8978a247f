/**
 * A glucose sensor under the skin: Continuous Glucose Monitoring service 181F (CGMS), with check sums. It tells times as
 * minutes since the start of its session. By default it keeps measurements until somebody listens, and then sends them;
 * with a Record Access Control Point it stores them all, and gives what was missed when asked.
 */
import type { SensorValue } from '../../protocol/decimal.ts';
import { isFault } from '../../protocol/fault.ts';
import { type CgmWarningFlag, encodeCgmMeasurement, encodeCgmStatus } from '../../protocol/gatt/cgm.ts';
import {
  decodeCgmSessionStartTime,
  encodeCgmFeature,
  encodeCgmSessionRunTime,
  encodeCgmSessionStartTime,
} from '../../protocol/gatt/cgm-session.ts';
import { type DateTime, dateTimeToWallClock, wallClockToDateTime } from '../../protocol/gatt/date-time.ts';
import { instantToWallClock, type WallClock, wallClockToInstant } from '../../protocol/time.ts';
import { CgmControlPointServer, type CgmState, INVALID_CRC, MISSING_CRC, OUT_OF_RANGE } from './cgm-control-point.ts';
import type { DeviceOptions } from './device-services.ts';
import { MeasurementStore } from './measurement-store.ts';
import { type RacpBehavior, RacpServer } from './racp-server.ts';
import { Wearable } from './wearable.ts';

const CGM_MEASUREMENT = 0x2aa7;
/** Largest number of minutes of one session (u16); a longer recording needs a new session. */
export const MAX_OFFSET_MIN = 65_535;

/** When a session began. */
export interface CgmSession {
  /** What the sensor's clock showed; undefined when it asks to be told the time. */
  readonly startedAt: WallClock | undefined;
  /** Minutes east of UTC without daylight saving; null = the sensor does not know. */
  readonly tzMin: number | null;
  /** Minutes of daylight saving; null = the sensor does not know. */
  readonly dstMin: number | null;
}

export interface CgmOptions extends DeviceOptions {
  readonly session: CgmSession;
  /** Gives the sensor a Record Access Control Point, and a CGM Specific Ops Control Point with it. */
  readonly records?: RacpBehavior;
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
  /** Stored records, where the sensor was created with them. */
  readonly memory: RacpServer | undefined;
  /** What was written to the start of the session, in order. */
  readonly startsWritten: Uint8Array[];
  readonly #store: MeasurementStore;
  readonly #state: CgmState;

  constructor(options: CgmOptions) {
    const { session } = options;
    const state: CgmState = {
      session,
      offsetMin: 0,
      timeSyncRequired: session.startedAt === undefined,
      intervalMin: 5,
    };
    encodeSession(state.session);
    const memory = options.records ? new RacpServer([CGM_MEASUREMENT], options.records) : undefined;
    const startsWritten: Uint8Array[] = [];
    const control = new CgmControlPointServer(state);
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
              encodeCgmStatus({
                offsetMin: state.offsetMin,
                status: [],
                calTemp: state.timeSyncRequired ? ['timeSyncRequired'] : [],
                warning: [],
                crc: 'compute',
              }),
          },
          {
            uuid: 0x2aaa,
            properties: memory ? ['read', 'write'] : ['read'],
            value: () => encodeSession(state.session),
            onWrite(value) {
              startsWritten.push(value);
              return synchronize(state, value);
            },
          },
          { uuid: 0x2aab, properties: ['read'], value: encodeCgmSessionRunTime({ hours: 24 * 14, crc: 'compute' }) },
          ...(memory ? [memory.declaration, control.declaration] : []),
        ],
      },
    ]);
    this.#state = state;
    this.memory = memory;
    this.startsWritten = startsWritten;
    memory?.attach(this);
    control.attach(this);
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
    this.#state.timeSyncRequired = session.startedAt === undefined;
    this.memory?.clear();
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
    if (!this.memory) return this.#store.push(value);
    this.memory.store({ number: offsetMin, values: [{ characteristic: CGM_MEASUREMENT, value }] });
    return this.send(CGM_MEASUREMENT, value);
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

const UNKNOWN: DateTime = [null, null, null, 0, 0, 0];

/** Throws `range` or `malformed` on a start that cannot be. */
function encodeSession({ startedAt, tzMin, dstMin }: CgmSession): Uint8Array {
  const time = startedAt === undefined ? UNKNOWN : wallClockToDateTime(startedAt);
  return encodeCgmSessionStartTime({ time, tzMin, dstMin, crc: 'compute' });
}

/** What is written is the time now: the session began that many minutes before it. */
function synchronize(state: CgmState, value: Uint8Array): number | undefined {
  try {
    const { time, tzMin, dstMin, crcValid } = decodeCgmSessionStartTime(value);
    const now = dateTimeToWallClock(time);
    if (crcValid !== true) return crcValid === null ? MISSING_CRC : INVALID_CRC;
    if (now === undefined) return OUT_OF_RANGE;
    const startedAt = instantToWallClock(wallClockToInstant(now, 0) - state.offsetMin * 60_000, 0);
    state.session = { startedAt, tzMin, dstMin };
    state.timeSyncRequired = false;
    return undefined;
  } catch (error) {
    if (isFault(error)) return OUT_OF_RANGE;
    throw error;
  }
}

export function createCgm(options: CgmOptions): Cgm {
  return new Cgm(options);
}
