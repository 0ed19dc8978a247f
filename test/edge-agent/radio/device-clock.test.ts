/** Clocks of devices: told before what was measured by them, set where the device's family wants that, and looked at. */
import { afterEach, describe, expect, it } from 'vitest';
import { decodeClock, encodeClock } from '../../../edge-agent/radio/clock-values.ts';
import { decodeCgmSessionStartTime } from '../../../protocol/gatt/cgm-session.ts';
import { encodeDeviceTime } from '../../../protocol/gatt/device-time.ts';
import { encodeCurrentElapsedTime } from '../../../protocol/gatt/elapsed-time.ts';
import { instantToWallClock } from '../../../protocol/time.ts';
import { createCgm } from '../../../simulators/devices/cgm.ts';
import { type CuffOptions, createCuff } from '../../../simulators/devices/cuff.ts';
import {
  createDeviceClock,
  type DeviceClock,
  type DeviceClockOptions,
} from '../../../simulators/devices/device-clock.ts';
import { createGlucoseMeter, type MeterClock } from '../../../simulators/devices/glucose-meter.ts';
import type { Wearable } from '../../../simulators/devices/wearable.ts';
import {
  openRadioWorld,
  type RadioWorld,
  type RadioWorldOptions,
  STARTED_AT,
  until,
} from '../../support/radio-world.ts';

const ZONE_MIN = 120;
const MINUTE = 60_000;
const dec = (mantissa: number, exponent = 0) => ({ mantissa, exponent });
const HERE = instantToWallClock(STARTED_AT, ZONE_MIN);
const local = (aheadMs: number) => instantToWallClock(STARTED_AT + aheadMs, ZONE_MIN);

let world: RadioWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

async function open(device: Wearable, options: RadioWorldOptions = {}): Promise<RadioWorld> {
  world = await openRadioWorld({ setUp: (air) => void air.add(device), zoneOf: () => ZONE_MIN, ...options });
  return world;
}

const clockOf = (options: Partial<DeviceClockOptions>) =>
  createDeviceClock({ now: () => STARTED_AT, zoneMin: ZONE_MIN, ...options });

function meterWith(as: MeterClock, clock: DeviceClock, name: string) {
  return createGlucoseMeter({ address: 'F0:00:00:00:08:01', name, serial: 'M-1', clock: { as, clock } });
}

function cuffWith(as: NonNullable<CuffOptions['clock']>['as'], clock: DeviceClock, name: string) {
  return createCuff({ address: 'F0:00:00:00:02:01', name, serial: 'C-1', clock: { as, clock } });
}

/** The battery is read after the clock was set, but for devices that are set late. */
const visits = ({ heard }: RadioWorld) => heard(0x2a19).length;

const WAYS = [
  ['current-time', 'HTEST meter'],
  ['date-time-in-service', 'Accu-Chek HTEST'],
  ['contour', 'Contour HTEST'],
] as const;

describe.each(WAYS)('a clock by %s (%s)', (as, name) => {
  it('is told as it was, set to local time, and told again', async () => {
    const clock = clockOf({ aheadMs: -16 * MINUTE });
    const world = await open(meterWith(as, clock, name));
    await until(() => visits(world) === 1);
    expect(clock.written).toEqual([HERE]);
    expect(world.clocks).toMatchObject([
      { device: 'f0:00:00:00:08:01', connection: 1, deviceClock: local(-16 * MINUTE), heardAt: STARTED_AT, set: 'no' },
      { deviceClock: HERE, heardAt: STARTED_AT, uncertaintyMs: 0, set: 'set' },
    ]);
    expect(world.clocks[0]?.zoneMin).toBe(as === 'contour' ? ZONE_MIN : undefined);
  });

  it('is left alone while it is right, within seconds, on every link', async () => {
    const clock = clockOf({ aheadMs: 4_000 });
    const meter = meterWith(as, clock, name);
    const world = await open(meter);
    await until(() => visits(world) === 1);
    meter.disconnect();
    await until(() => visits(world) === 2);
    expect(clock.written).toEqual([]);
    expect(world.clocks.map(({ set }) => set)).toEqual(['no', 'no']);
  });

  it('that refuses, or does not do as it says, is reported as such', async () => {
    for (const [whenSet, set] of [
      ['refuses', 'refused'],
      ['ignores', 'not-verified'],
    ] as const) {
      const clock = clockOf({ aheadMs: -86_400_000, whenSet });
      const world = await open(meterWith(as, clock, name));
      await until(() => visits(world) === 1);
      expect(clock.written).toEqual([HERE]);
      const { clocks } = world;
      expect(clocks.map(({ deviceClock }) => deviceClock)).toEqual([local(-86_400_000), local(-86_400_000)]);
      expect(clocks.map((event) => event.set)).toEqual(['no', set]);
      await world.close();
    }
  });

  it('that lost its date has nothing to tell until it is set', async () => {
    const clock = clockOf({});
    clock.resetToFactory();
    const world = await open(meterWith(as, clock, name));
    await until(() => visits(world) === 1);
    expect(world.clocks[0]).not.toHaveProperty('deviceClock');
    expect(world.clocks[1]).toMatchObject({ deviceClock: HERE, set: 'set' });
  });
});

describe('a coincident clock', () => {
  it('lies midway between question and answer, and says how unsure that is', async () => {
    const meter = meterWith('current-time', clockOf({}), 'HTEST meter');
    const handle = meter.database.handleOf(0x2a2b);
    const opened = await open(meter, {
      setUp(air) {
        air.add(meter);
        meter.misbehave = (request) => {
          if (request[0] === 0x0a && request[1] === handle) world!.clock.set(STARTED_AT + 41);
          return undefined;
        };
      },
    });
    await until(() => visits(opened) === 1);
    expect(opened.clocks[0]).toMatchObject({ heardAt: STARTED_AT + 21, uncertaintyMs: 21 });
  });
});

describe('the order', () => {
  it('is: clock, then what was stored by it, then setting it', async () => {
    const steps: string[] = [];
    const clock = clockOf({ aheadMs: 90 * MINUTE });
    const meter = meterWith('current-time', clock, 'HTEST meter');
    for (let i = 0; i < 3; i++) await meter.measure({ concentration: dec(60, -5), at: local(90 * MINUTE) });
    const world = await open(meter, {
      onClock: ({ set }) => void steps.push(`clock ${set}`),
      onNotification({ characteristic }) {
        if (characteristic === 0x2a18) steps.push(`record, ${clock.written.length} written`);
        return undefined;
      },
    });
    await until(() => visits(world) === 1);
    const record = 'record, 0 written';
    expect(steps).toEqual(['clock no', record, record, record, 'clock set']);
  });

  it('holds for a cuff that sends its memory by itself', async () => {
    const steps: string[] = [];
    const clock = clockOf({ aheadMs: -16 * MINUTE });
    const cuff = cuffWith('date-time-in-service', clock, 'A&D_UA-651BLE HTEST');
    const pressure = { systolic: dec(120), diastolic: dec(80), map: dec(93) };
    for (const at of [local(-60 * MINUTE), local(-30 * MINUTE)]) void cuff.measure({ ...pressure, at });
    const world = await open(cuff, {
      onClock: ({ set }) => void steps.push(`clock ${set}`),
      onNotification({ characteristic }) {
        if (characteristic === 0x2a35) steps.push(`measurement, ${clock.written.length} written`);
        return undefined;
      },
    });
    await until(() => visits(world) === 1);
    expect(steps).toEqual(['clock no', 'measurement, 0 written', 'measurement, 0 written', 'clock set']);
  });

  it('begins with subscribing to the measurement', async () => {
    const requests: number[][] = [];
    const cuff = cuffWith('date-time-in-service', clockOf({}), 'A&D_UA-651BLE HTEST');
    cuff.misbehave = (request) => {
      if (request[0] === 0x12 || request[0] === 0x0a) requests.push([request[0], request[1]!]);
      return undefined;
    };
    const world = await open(cuff);
    await until(() => visits(world) === 1);
    const [measurement, date] = [cuff.database.handleOf(0x2a35), cuff.database.handleOf(0x2a08)];
    const battery = cuff.database.handleOf(0x2a19);
    expect(requests.slice(0, 3)).toEqual([
      [0x12, measurement + 1],
      [0x12, battery + 1],
      [0x0a, date],
    ]);
  });
});

describe('a family that must not be set', () => {
  it.each(['Diamond HTEST', 'Polar H10 HTEST'])('%s is never written to', async (name) => {
    const clock = clockOf({ aheadMs: -86_400_000 });
    const world = await open(meterWith('current-time', clock, name));
    await until(() => visits(world) === 1);
    expect(clock.written).toEqual([]);
    expect(world.clocks).toMatchObject([{ set: 'no', deviceClock: local(-86_400_000) }]);
  });

  it('nor is any without a zone to set it to', async () => {
    const clock = clockOf({ aheadMs: -86_400_000 });
    const meter = meterWith('current-time', clock, 'HTEST meter');
    world = await openRadioWorld({ setUp: (air) => void air.add(meter) });
    await until(() => visits(world!) === 1);
    expect(clock.written).toEqual([]);
  });
});

describe('an Omron', () => {
  const NAME = 'BLESmart_HTEST';
  const pressure = { systolic: dec(120), diastolic: dec(80), map: dec(93) };

  it('within ten minutes is not written to', async () => {
    const clock = clockOf({ aheadMs: 9 * MINUTE });
    const cuff = cuffWith('current-time', clock, NAME);
    const world = await open(cuff);
    await until(() => visits(world) === 1);
    await cuff.measure(pressure);
    cuff.disconnect();
    await until(() => visits(world) === 2);
    expect(clock.written).toEqual([]);
  });

  it('that is further off is set after it has sent something, and not before', async () => {
    const clock = clockOf({ aheadMs: 16 * MINUTE });
    const cuff = cuffWith('current-time', clock, NAME);
    const world = await open(cuff);
    await until(() => visits(world) === 1);
    expect(clock.written).toEqual([]);
    await cuff.measure(pressure);
    await until(() => world.clocks.length === 2);
    expect(clock.written).toEqual([HERE]);
    expect(world.clocks[1]).toMatchObject({ deviceClock: HERE, set: 'set' });
  });

  it('that refuses keeps its link', async () => {
    const clock = clockOf({ aheadMs: 16 * MINUTE, whenSet: 'refuses' });
    const cuff = cuffWith('current-time', clock, NAME);
    const world = await open(cuff);
    await cuff.whenHeard();
    await cuff.measure(pressure);
    await until(() => world.clocks.at(-1)?.set === 'refused');
    expect(await cuff.measure(pressure)).toBe(true);
    expect(world.links.some(({ state }) => state === 'lost')).toBe(false);
  });
});

describe('the session of a glucose sensor', () => {
  const session = { startedAt: undefined, tzMin: null, dstMin: null };

  it('is told the time once, with a check sum, when the sensor asks; what it stored has its date then', async () => {
    const cgm = createCgm({ address: 'F0:00:00:00:05:01', name: 'HTEST sensor', serial: 'G-1', session, records: {} });
    for (const offsetMin of [0, 5, 10]) await cgm.measure({ glucose: dec(104), offsetMin });
    const world = await open(cgm);
    await until(() => visits(world) === 1);
    cgm.disconnect();
    await until(() => visits(world) === 2);
    expect(cgm.startsWritten).toHaveLength(1);
    expect(decodeCgmSessionStartTime(cgm.startsWritten[0]!)).toMatchObject({
      crcValid: true,
      tzMin: ZONE_MIN,
      dstMin: 0,
    });
    const starts = world.heard(0x2aa7).map(({ sessionStart }) => decodeCgmSessionStartTime(sessionStart!).time);
    expect(starts[0]).toEqual([2024, 6, 1, 1, 50, 0]);
    expect(new Set(starts.map(String)).size).toBe(1);
  });

  it('of a family whose clock is none is not told', async () => {
    const name = 'SmartGuide HTEST';
    const cgm = createCgm({ address: 'F0:00:00:00:05:01', name, serial: 'G-1', session, records: {} });
    const world = await open(cgm);
    await until(() => visits(world) === 1);
    expect(cgm.startsWritten).toEqual([]);
  });
});

describe('clocks as octets', () => {
  it.each(['current-time', 'date-time', 'contour'] as const)('%s: written and read', (kind) => {
    const octets = encodeClock(kind, STARTED_AT, -330)!;
    expect(decodeClock(kind, octets)?.wallClock).toBe('2024-05-31T18:30:00');
  });

  it('device time: local time from base, zone and daylight saving', () => {
    const baseTime = (STARTED_AT - Date.UTC(2000, 0, 1)) / 1000;
    const time = { baseTime, tzMin: 60, dstMin: 60, status: ['utcAligned', 'epoch2000'] as const };
    expect(decodeClock('device-time', encodeDeviceTime(time))).toEqual({ wallClock: HERE, zoneMin: 120 });
    const faulty = { ...time, status: ['timeFault', 'epoch2000'] as const };
    expect(decodeClock('device-time', encodeDeviceTime(faulty))).toBeUndefined();
  });

  it('elapsed time: UTC with an offset, local, or a counter that shows no date', () => {
    const time = {
      value: STARTED_AT - Date.UTC(2000, 0, 1),
      tick: false,
      utc: true,
      resolutionS: dec(1, -3),
      tzUsed: true,
      currentTimeline: true,
      source: 'ntp' as const,
      offset15: 8,
      needsSet: false,
      appliesDst: false,
      managesTz: false,
    };
    expect(decodeClock('elapsed-time', encodeCurrentElapsedTime(time))).toEqual({ wallClock: HERE, zoneMin: 120 });
    const atLocal = { ...time, utc: false, tzUsed: false };
    expect(decodeClock('elapsed-time', encodeCurrentElapsedTime(atLocal))).toEqual({
      wallClock: '2024-06-01T00:00:00',
    });
    for (const unknown of [
      { ...time, tick: true },
      { ...time, needsSet: true },
    ]) {
      expect(decodeClock('elapsed-time', encodeCurrentElapsedTime(unknown))).toBeUndefined();
    }
  });

  it('any octets at all: a time or nothing', () => {
    for (let length = 0; length < 12; length++) {
      for (const fill of [0, 1, 0x7f, 0x80, 0xff]) {
        const octets = new Uint8Array(length).fill(fill);
        for (const kind of ['current-time', 'date-time', 'contour', 'device-time', 'elapsed-time'] as const) {
          expect(() => decodeClock(kind, octets)).not.toThrow();
        }
      }
    }
  });
});

describe('a simulated clock', () => {
  it('drifts, is turned, follows daylight saving', () => {
    let now = STARTED_AT;
    const clock = createDeviceClock({ now: () => now, zoneMin: 60, driftPpm: 100 });
    now += 100 * 86_400_000;
    // A hundred millionths of a hundred days.
    expect(clock.wallClock()).toBe(instantToWallClock(now + 864_000, 60));
    clock.setBackADay();
    clock.changeZone(120);
    expect(clock.wallClock()).toBe(instantToWallClock(now + 864_000 - 86_400_000, 120));
  });
});
