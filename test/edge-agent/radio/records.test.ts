/** Stored records: what is asked for, what is remembered, and what devices that cannot do it all answer. */
import { afterEach, describe, expect, it } from 'vitest';
import type { RecordCursors } from '../../../edge-agent/radio/record-progress.ts';
import { decodeCgmMeasurement } from '../../../protocol/gatt/cgm.ts';
import { decodeGlucoseMeasurement } from '../../../protocol/gatt/glucose.ts';
import { decodeHeartRateMeasurement } from '../../../protocol/gatt/heart-rate.ts';
import { RACP_OP, RACP_OPERATOR, RACP_RESPONSE } from '../../../protocol/gatt/racp.ts';
import { createCgm } from '../../../simulators/devices/cgm.ts';
import {
  createGlucoseMeter,
  type GlucoseMeter,
  type GlucoseMeterOptions,
} from '../../../simulators/devices/glucose-meter.ts';
import { createHeartStrap } from '../../../simulators/devices/heart-strap.ts';
import { openRadioWorld, type RadioWorld, type RadioWorldOptions, until } from '../../support/radio-world.ts';

let world: RadioWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

async function open(options: RadioWorldOptions): Promise<RadioWorld> {
  world = await openRadioWorld(options);
  return world;
}

/** What is remembered, and each change of it. */
function createCursors(): RecordCursors & { number: number | undefined; readonly written: (number | undefined)[] } {
  const written: (number | undefined)[] = [];
  return {
    number: undefined,
    written,
    read() {
      return this.number;
    },
    write(_, number) {
      this.number = number;
      written.push(number);
    },
  };
}

const AT = '2024-05-31T12:00:00';

async function meterWith(count: number, options: Partial<GlucoseMeterOptions> = {}): Promise<GlucoseMeter> {
  const meter = createGlucoseMeter({ address: 'F0:00:00:00:08:01', name: 'HTEST meter', serial: 'M-1', ...options });
  await measure(meter, count);
  return meter;
}

async function measure(meter: GlucoseMeter, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await meter.measure({ concentration: { mantissa: 60 + i, exponent: -5 }, at: AT });
}

const sequences = ({ heard }: RadioWorld) => heard(0x2a18).map(({ value }) => decodeGlucoseMeasurement(value).sequence);
const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, i) => from + i);
const operators = ({ memory }: GlucoseMeter) => memory.requests.map(({ operator }) => operator);
/** The battery is read when everything else is done. */
const visits = ({ heard }: RadioWorld) => heard(0x2a19).length;

/** Ends the link, and waits until the device was visited once more. */
async function visitAgain(meter: GlucoseMeter, world: RadioWorld): Promise<void> {
  const before = visits(world);
  meter.disconnect();
  await until(() => visits(world) > before);
}

describe('stored records', () => {
  it('are all fetched once, and then only what is new', async () => {
    const meter = await meterWith(40);
    const cursors = createCursors();
    const world = await open({ setUp: (air) => void air.add(meter), cursors });
    await until(() => visits(world) === 1);
    expect(sequences(world)).toEqual(upTo(40));
    expect(cursors.number).toBe(40);
    expect(operators(meter)).toEqual([RACP_OPERATOR.all]);

    meter.leaveRange();
    await measure(meter, 3);
    meter.enterRange();
    await until(() => visits(world) === 2);
    expect(sequences(world)).toEqual(upTo(43));
    expect(cursors.number).toBe(43);
    expect(operators(meter).at(-1)).toBe(RACP_OPERATOR.greaterOrEqual);
    expect(meter.memory.records).toHaveLength(43);
    expect(meter.memory.requests.every(({ opCode }) => opCode === RACP_OP.report)).toBe(true);
  });

  it('of which there are none are a success', async () => {
    const meter = await meterWith(0);
    const world = await open({ setUp: (air) => void air.add(meter), cursors: createCursors() });
    await until(() => visits(world) === 1);
    expect(world.events).toEqual(['adapter-on']);
    expect(sequences(world)).toEqual([]);
  });

  it('do not move the cursor before they are stored, nor when they could not be', async () => {
    const meter = await meterWith(100);
    const cursors = createCursors();
    const refuse = { from: 60 };
    const world = await open({
      setUp: (air) => void air.add(meter),
      cursors,
      onNotification: ({ characteristic, value }) =>
        characteristic === 0x2a18 && decodeGlucoseMeasurement(value).sequence >= refuse.from
          ? Promise.reject(new Error('disk full'))
          : undefined,
    });
    await until(() => world.links.some(({ reason }) => reason === 'records not-stored'));
    expect(world.events).toContain('records-not-stored');
    expect(Math.max(...cursors.written.map((number) => number ?? 0))).toBeLessThan(refuse.from);
    refuse.from = Number.POSITIVE_INFINITY;
    await until(() => visits(world) === 1);
    expect(new Set(sequences(world))).toEqual(new Set(upTo(100)));
    expect(cursors.number).toBe(100);
  });

  it('wait for what is slow to be stored', async () => {
    const meter = await meterWith(100);
    const cursors = createCursors();
    const waiting: (() => void)[] = [];
    await open({
      setUp: (air) => void air.add(meter),
      cursors,
      onNotification: ({ characteristic }) =>
        characteristic === 0x2a18 ? new Promise((resolve) => waiting.push(resolve)) : undefined,
    });
    await until(() => waiting.length === 100);
    // The first is not stored, so nothing is, whatever became of the others.
    for (const store of waiting.slice(1)) store();
    await until(() => meter.memory.isDone);
    expect(cursors.written).toEqual([]);
    waiting[0]!();
    await until(() => cursors.number === 100);
  });

  it('resume where they were when the agent was killed, at worst a few records before', async () => {
    const meter = await meterWith(100);
    const cursors = createCursors();
    meter.memory.interruptAfter = 50;
    const first = await open({
      setUp: (air) => void air.add(meter),
      // Killed: what was written last is there, what would be written when the link ends is not.
      cursors: { read: () => cursors.number, write: (key, n) => (n === 32 ? cursors.write(key, n) : undefined) },
    });
    await until(() => first.links.some(({ state }) => state === 'lost'));
    await first.close();
    meter.memory.interruptAfter = undefined;
    const second = await open({ setUp: (air) => void air.add(meter), cursors });
    await until(() => visits(second) === 1);
    expect(sequences(second)).toEqual(upTo(68, 33));
  });

  it('and what is measured meanwhile do not lead the cursor astray', async () => {
    let meter: GlucoseMeter | undefined;
    const cursors = createCursors();
    meter = await meterWith(50, {
      records: {
        pace: async (sent) => (sent === 10 ? void (await meter!.measure({ concentration: 'NaN', at: AT })) : undefined),
      },
    });
    meter.memory.interruptAfter = 45;
    const world = await open({ setUp: (air) => void air.add(meter), cursors });
    await until(() => world.links.some(({ state }) => state === 'lost'));
    expect(cursors.written.every((number) => (number ?? 0) < 45)).toBe(true);
    meter.memory.interruptAfter = undefined;
    await until(() => visits(world) === 1);
    expect(new Set(sequences(world)).size).toBeGreaterThanOrEqual(51);
    expect(cursors.number).toBe(meter.memory.records.length);
  });

  it('wrap around', async () => {
    const meter = await meterWith(10, { firstSequence: 65_530 });
    const cursors = createCursors();
    cursors.number = 65_532;
    const world = await open({ setUp: (air) => void air.add(meter), cursors });
    await until(() => visits(world) === 1);
    expect(new Set(sequences(world))).toEqual(new Set([65_533, 65_534, 65_535, 65_530, 65_531, 65_532, 0, 1, 2, 3]));
    expect(cursors.number).toBe(3);
  });

  it('begin anew on a meter that was reset', async () => {
    const meter = await meterWith(40);
    const cursors = createCursors();
    const world = await open({ setUp: (air) => void air.add(meter), cursors });
    await until(() => visits(world) === 1);
    meter.leaveRange();
    meter.resetToFactory();
    await measure(meter, 2);
    meter.enterRange();
    await until(() => visits(world) === 2);
    expect(operators(meter).slice(1)).toEqual([RACP_OPERATOR.greaterOrEqual, RACP_OPERATOR.last, RACP_OPERATOR.all]);
    expect(cursors.number).toBe(2);
    await visitAgain(meter, world);
    expect(operators(meter).at(-1)).toBe(RACP_OPERATOR.last);
  });

  it('with falling numbers are all fetched each time', async () => {
    const meter = await meterWith(5, { name: 'Diamond HTEST', firstSequence: 900, reversed: true });
    const cursors = createCursors();
    const world = await open({ setUp: (air) => void air.add(meter), cursors });
    await until(() => visits(world) === 1);
    await visitAgain(meter, world);
    expect(operators(meter)).toEqual([RACP_OPERATOR.all, RACP_OPERATOR.all]);
    expect(cursors.written).toEqual([]);
  });

  it('that come newest first leave the cursor alone until the end', async () => {
    const meter = await meterWith(100, { records: { newestFirst: true } });
    const cursors = createCursors();
    meter.memory.interruptAfter = 90;
    const world = await open({ setUp: (air) => void air.add(meter), cursors });
    await until(() => world.links.filter(({ state }) => state === 'lost').length >= 3);
    expect(cursors.number).toBeUndefined();
    meter.memory.interruptAfter = undefined;
    await until(() => visits(world) === 1);
    expect(new Set(sequences(world))).toEqual(new Set(upTo(100)));
    expect(cursors.number).toBe(100);
  });

  it.each(['Polar H10 HTEST', 'BLESmart_HTEST'])(
    'are not asked for of %s, whose profile knows of none',
    async (name) => {
      const meter = await meterWith(5, { name });
      const world = await open({ setUp: (air) => void air.add(meter), cursors: createCursors() });
      await until(() => visits(world) === 1);
      expect(meter.memory.requests).toEqual([]);
    },
  );
});

describe('what a device sends by itself', () => {
  it('is a week of a sensor without a control point, in order', async () => {
    const session = { startedAt: AT, tzMin: 60, dstMin: 60 };
    const cgm = createCgm({ address: 'F0:00:00:00:05:01', name: 'HTEST sensor', serial: 'G-1', session });
    const offsets = Array.from({ length: 2016 }, (_, i) => i * 5);
    for (const offsetMin of offsets) void cgm.measure({ glucose: { mantissa: 100, exponent: 0 }, offsetMin });
    const { heard } = await open({ setUp: (air) => void air.add(cgm) });
    await until(() => heard(0x2aa7).length === offsets.length);
    const records = heard(0x2aa7).flatMap(({ value }) => decodeCgmMeasurement(value).records);
    expect(records.map(({ offsetMin }) => offsetMin)).toEqual(offsets);
    expect(heard(0x2aa7).every(({ sessionStart }) => sessionStart?.length === 11)).toBe(true);
  });

  it('in the few seconds that it is there is heard, even when it never said who it is', async () => {
    const strap = createHeartStrap({ address: 'F0:00:00:00:01:01', name: 'HTEST strap', serial: 'S-1' });
    const READ = 0x0a;
    strap.misbehave = (request) => (request[0] === READ ? 'silence' : undefined);
    const world = await open({ setUp: (air) => void air.add(strap) });
    await strap.whenHeard();
    const rates = Array.from({ length: 400 }, (_, i) => i);
    for (const heartRate of rates) await strap.beat({ heartRate });
    strap.stopAdvertising();
    strap.disconnect();
    await until(() => world.heard(0x2a37).length === rates.length);
    const heard = world.heard(0x2a37).map(({ value }) => decodeHeartRateMeasurement(value).heartRate);
    expect(heard).toEqual(rates);
    expect(world.devices).toEqual([{ id: strap.address, addressType: 'random', connection: 1, link: 'unbonded' }]);
  });
});

describe('a device that cannot', () => {
  it.each([
    ['compare', { filters: false }],
    ['do more than all', { operators: [RACP_OPERATOR.all] }],
  ])('%s is asked for everything', async (_, records) => {
    const meter = await meterWith(20, { records });
    const cursors = createCursors();
    const world = await open({ setUp: (air) => void air.add(meter), cursors });
    await until(() => visits(world) === 1);
    await visitAgain(meter, world);
    expect(sequences(world)).toEqual([...upTo(20), ...upTo(20)]);
    expect(cursors.number).toBe(20);
    expect(world.events).not.toContain('records-refused');
  });

  it.each([0x80, 0xfe])('because it is busy (0x%s) is told to abort', async (busy) => {
    const meter = await meterWith(20, { records: { errors: { busy, notConfigured: 0x81 } } });
    meter.memory.occupy();
    const world = await open({ setUp: (air) => void air.add(meter), cursors: createCursors() });
    await until(() => visits(world) === 1);
    expect(sequences(world)).toEqual(upTo(20));
    expect(meter.memory.requests.map(({ opCode }) => opCode)).toContain(RACP_OP.abort);
  });

  it.each([0x81, 0xfd])('because it forgot that we subscribed (0x%s) is subscribed to again', async (notConfigured) => {
    const meter = await meterWith(20);
    const racp = meter.database.handleOf(0x2a52);
    let writes = 0;
    meter.misbehave = (request) =>
      request[0] === 0x12 && request[1] === racp && writes++ === 0 ? { error: notConfigured } : undefined;
    const configuration = racp + 1;
    let configured = 0;
    const misbehave = meter.misbehave;
    meter.misbehave = (request) => {
      if (request[0] === 0x12 && request[1] === configuration) configured++;
      return misbehave(request);
    };
    const world = await open({ setUp: (air) => void air.add(meter), cursors: createCursors() });
    await until(() => visits(world) === 1);
    expect(sequences(world)).toEqual(upTo(20));
    expect(configured).toBe(2);
  });

  it.each([RACP_RESPONSE.notCompleted, RACP_RESPONSE.opCodeUnsupported, 77])(
    'and answers %i is heard all the same',
    async (code) => {
      const meter = await meterWith(20);
      meter.memory.answer = code;
      const cursors = createCursors();
      const world = await open({ setUp: (air) => void air.add(meter), cursors });
      await until(() => visits(world) === 1);
      expect(world.events).toContain('records-refused');
      expect(cursors.written).toEqual([]);
      await measure(meter, 1);
      await until(() => sequences(world).length === 1);
    },
  );

  it('begin at all is told to abort, and heard all the same', async () => {
    const meter = await meterWith(60);
    meter.memory.stallAfter = 0;
    const cursors = createCursors();
    const world = await open({ setUp: (air) => void air.add(meter), cursors, timings: { recordIdleMs: 50 } });
    await until(() => visits(world) === 1);
    await measure(meter, 1);
    await until(() => sequences(world).length === 1);
    expect(world.links.some(({ state }) => state === 'lost')).toBe(false);
    expect(cursors.written).toEqual([]);
  });

  it('date its session is asked for all of it each time', async () => {
    const session = { startedAt: undefined, tzMin: null, dstMin: null };
    const address = 'F0:00:00:00:05:01';
    const cgm = createCgm({ address, name: 'SmartGuide HTEST', serial: 'G-1', session, records: {} });
    for (const offsetMin of [0, 5]) await cgm.measure({ glucose: { mantissa: 100, exponent: 0 }, offsetMin });
    const cursors = createCursors();
    const world = await open({ setUp: (air) => void air.add(cgm), cursors });
    await until(() => visits(world) === 1);
    cgm.disconnect();
    await until(() => visits(world) === 2);
    expect(world.heard(0x2aa7)).toHaveLength(4);
    // Without a date they would look as if they were measured now.
    expect(world.heard(0x2aa7).every(({ stored }) => stored)).toBe(true);
    await cgm.measure({ glucose: { mantissa: 101, exponent: 0 }, offsetMin: 10 });
    await until(() => world.heard(0x2aa7).length === 5);
    expect(world.heard(0x2aa7).at(-1)).not.toHaveProperty('stored');
    expect(cursors.written).toEqual([]);
  });

  it('go on is told to abort, dropped, and asked for the rest on the next link', async () => {
    const meter = await meterWith(60);
    meter.memory.stallAfter = 40;
    const world = await open({
      setUp: (air) => void air.add(meter),
      cursors: createCursors(),
      timings: { recordIdleMs: 100 },
    });
    await until(() => world.links.some(({ reason }) => reason === 'records stalled'));
    expect(meter.memory.requests.at(-1)?.opCode).toBe(RACP_OP.abort);
    meter.memory.stallAfter = undefined;
    await until(() => visits(world) === 1);
    expect(new Set(sequences(world))).toEqual(new Set(upTo(60)));
    expect(sequences(world).length).toBeLessThan(75);
  });
});
