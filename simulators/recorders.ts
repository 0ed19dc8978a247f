/** Wearables that can play a recorded vital sign: which device, how it is given a value, and how exact its times are. */
import type { Decimal } from '../protocol/decimal.ts';
import { Fault } from '../protocol/fault.ts';
import { instantToWallClock, type WallClock, wallClockToInstant } from '../protocol/time.ts';
import { MDC, vitalSignByMdc } from '../protocol/vital-signs.ts';
import { createCgm, MAX_OFFSET_MIN } from './devices/cgm.ts';
import { createHeartStrap } from './devices/heart-strap.ts';
import { createOximeter } from './devices/oximeter.ts';
import { createThermometer } from './devices/thermometer.ts';
import type { Wearable } from './devices/wearable.ts';
import type { SimClock } from './hci/sim-clock.ts';

export interface Recorded {
  readonly value: Decimal;
  readonly measuredAt: WallClock;
  readonly zoneMin: number;
}

export interface Recorder {
  /** MDC code. */
  readonly vital: number;
  /** Record-local id. */
  readonly patient: string;
  readonly device: Wearable;
  /** The device tells times to this many milliseconds; what it cannot tell is cut off. */
  readonly resolutionMs: number;
  whenHeard(): Promise<void>;
  /** Plays one value under the clock's present instant; resolves when the host has it. */
  play(recorded: Recorded): Promise<void>;
}

export interface RecorderOptions {
  readonly patient: string;
  readonly clock: SimClock;
  /** Of the first value, and the zone there. */
  readonly firstAt: WallClock;
  readonly zoneMin: number;
  /** Bluetooth address for a kind of device. */
  readonly addressOf: (kind: string) => string;
}

const MINUTE_MS = 60_000;

/** What a wearable that plays this vital sign cannot tell of a time, ms. */
export function resolutionOf(vital: number): number {
  return RESOLUTIONS.get(vital) ?? 1;
}

/** Throws `malformed` for a vital sign or unit that no simulated wearable sends. */
export function openRecorder(vital: number, unit: string, options: RecorderOptions): Recorder {
  const open = RECORDERS.get(`${vital} ${unit}`);
  if (!open) {
    const name = vitalSignByMdc(vital)?.name ?? `MDC ${vital}`;
    throw new Fault('malformed', `no simulated wearable sends ${name} in ${unit}; ${supported()}`);
  }
  return open(options);
}

function supported(): string {
  const names = [...RECORDERS.keys()].map((key) => {
    const [mdc, ucum] = key.split(' ');
    return `${vitalSignByMdc(Number(mdc))?.name} [${ucum}]`;
  });
  return `recordings may hold ${names.join(', ')}`;
}

const RECORDERS: ReadonlyMap<string, (options: RecorderOptions) => Recorder> = new Map([
  [`${MDC.heartRate} /min`, openHeartRate],
  [`${MDC.glucose} mg/dL`, openGlucose],
  [`${MDC.temperature} Cel`, openTemperature],
  [`${MDC.oxygenSaturation} %`, openOxygenSaturation],
]);

const RESOLUTIONS: ReadonlyMap<number, number> = new Map([
  [MDC.glucose, MINUTE_MS],
  [MDC.temperature, 1000],
]);

function identity({ addressOf }: RecorderOptions, kind: string) {
  const address = addressOf(kind);
  return { address, name: `HTEST ${kind}`, serial: `HTEST-${address.replaceAll(':', '').slice(-6)}` };
}

function openHeartRate(options: RecorderOptions): Recorder {
  const device = createHeartStrap(identity(options, 'strap'));
  return {
    vital: MDC.heartRate,
    patient: options.patient,
    device,
    resolutionMs: resolutionOf(MDC.heartRate),
    whenHeard: () => device.whenHeard(),
    async play({ value: { mantissa, exponent } }) {
      if (exponent !== 0) throw new Fault('range', 'a heart rate strap sends whole beats per minute');
      while (!(await device.beat({ heartRate: mantissa }))) await device.whenHeard();
    },
  };
}

function openTemperature(options: RecorderOptions): Recorder {
  const device = createThermometer(identity(options, 'thermometer'));
  return {
    vital: MDC.temperature,
    patient: options.patient,
    device,
    resolutionMs: resolutionOf(MDC.temperature),
    whenHeard: () => device.whenHeard(),
    async play({ value, measuredAt }) {
      if (!(await device.measure({ temperature: value, at: measuredAt }))) await device.whenSent();
    },
  };
}

function openOxygenSaturation(options: RecorderOptions): Recorder {
  const device = createOximeter(identity(options, 'oximeter'));
  return {
    vital: MDC.oxygenSaturation,
    patient: options.patient,
    device,
    resolutionMs: resolutionOf(MDC.oxygenSaturation),
    whenHeard: () => device.whenHeard(),
    async play({ value }) {
      while (!(await device.stream({ spo2: value, pulse: 'NaN' }))) await device.whenHeard();
    },
  };
}

/** Sessions end before their minute counter overflows, and where the zone changes: a session has one zone. */
function openGlucose(options: RecorderOptions): Recorder {
  let session = { startedAt: toMinute(options.firstAt), tzMin: options.zoneMin, dstMin: 0 };
  const device = createCgm({ ...identity(options, 'sensor'), session });
  return {
    vital: MDC.glucose,
    patient: options.patient,
    device,
    resolutionMs: resolutionOf(MDC.glucose),
    whenHeard: () => device.whenHeard(),
    async play({ value, measuredAt, zoneMin }) {
      const offset = minutesBetween(session.startedAt, measuredAt);
      if (offset < 0 || offset > MAX_OFFSET_MIN || zoneMin !== session.tzMin) {
        session = { startedAt: toMinute(measuredAt), tzMin: zoneMin, dstMin: 0 };
        await device.startSession(session);
        await device.whenHeard();
      }
      const offsetMin = minutesBetween(session.startedAt, measuredAt);
      if (!(await device.measure({ glucose: value, offsetMin }))) await device.whenSent();
    },
  };
}

function toMinute(wallClock: WallClock): WallClock {
  return instantToWallClock(MINUTE_MS * Math.floor(wallClockToInstant(wallClock, 0) / MINUTE_MS), 0);
}

function minutesBetween(from: WallClock, to: WallClock): number {
  return Math.floor((wallClockToInstant(to, 0) - wallClockToInstant(from, 0)) / MINUTE_MS);
}
