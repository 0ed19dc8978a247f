/**
 * A cuff that keeps what it measured and sends all of it, as a burst of indications, to whoever subscribes: again on each
 * connection, and whether or not it was confirmed before.
 */
import {
  encodeBloodPressureFeature,
  encodeBloodPressureMeasurement,
  parseBloodPressureStatus,
} from '../../../protocol/gatt/blood-pressure.ts';
import { wallClockToDateTime } from '../../../protocol/gatt/date-time.ts';
import type { ServiceDeclaration } from '../../hci/gatt-database.ts';
import type { CuffMeasurement, CuffOptions } from '../cuff.ts';
import { declareCurrentTime, declareDateTime } from '../device-clock.ts';
import { Wearable } from '../wearable.ts';

export const BLOOD_PRESSURE = 0x2a35;
const FEATURES = 0b1_1111;

export interface BacklogCuffOptions extends CuffOptions {
  /** It hangs up so long after the last confirmation, ms; it never does without. */
  readonly lingerMs?: number;
  /** What its maker added to the standard. */
  readonly vendor?: ServiceDeclaration;
}

export class BacklogCuff extends Wearable {
  readonly #backlog: Uint8Array[] = [];
  readonly #lingerMs: number | undefined;
  #bursts = 0;
  #sending = false;

  constructor(options: BacklogCuffOptions) {
    const { clock } = options;
    super(options, 'Cuff', [
      {
        uuid: 0x1810,
        characteristics: [
          { uuid: BLOOD_PRESSURE, properties: ['indicate'] },
          { uuid: 0x2a49, properties: ['read'], value: encodeBloodPressureFeature({ raw: FEATURES }) },
          ...(clock?.as === 'date-time-in-service' ? [declareDateTime(clock.clock)] : []),
        ],
      },
      ...(clock?.as === 'current-time' ? [declareCurrentTime(clock.clock)] : []),
      ...(options.vendor ? [options.vendor] : []),
    ]);
    this.#lingerMs = options.lingerMs;
    const handle = this.database.handleOf(BLOOD_PRESSURE);
    this.on('subscribe', (subscribed, on) => {
      if (on && subscribed === handle) void this.#burst();
    });
    // A bonded central whose subscription was kept does not subscribe again.
    this.on('encrypted', () => {
      if (this.isSubscribed(BLOOD_PRESSURE)) void this.#burst();
    });
  }

  /** How often the whole backlog was confirmed. */
  get bursts(): number {
    return this.#bursts;
  }

  /** Keeps a measurement for the next burst. Throws `range`. */
  keep({ systolic, diastolic, map, unit = 'mmHg', pulse, at, userId, status }: CuffMeasurement): void {
    this.keepOctets(
      encodeBloodPressureMeasurement({
        systolic,
        diastolic,
        map,
        unit,
        timestamp: at === undefined ? null : wallClockToDateTime(at),
        pulseRate: pulse ?? null,
        userId: userId ?? null,
        status: status === undefined ? null : parseBloodPressureStatus(status),
      }),
    );
  }

  /** {@link keep} for a value that the standard would not make. */
  keepOctets(value: Uint8Array): void {
    this.#backlog.push(value);
  }

  async #burst(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    const confirmed = await this.#sendAll();
    this.#sending = false;
    if (!confirmed) return;
    this.#bursts++;
    if (this.#lingerMs !== undefined) setTimeout(() => this.disconnect(), this.#lingerMs);
  }

  async #sendAll(): Promise<boolean> {
    for (const value of this.#backlog) if (!(await this.send(BLOOD_PRESSURE, value))) return false;
    return true;
  }
}
