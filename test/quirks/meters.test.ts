/** Quirks of glucose meters, shown by virtual ones and met by a whole agent, or by its radio alone. */
import { afterEach, describe, expect, it } from 'vitest';
import { policiesOf } from '../../edge-agent/device-policies.ts';
import { instantToWallClock } from '../../protocol/time.ts';
import { createDeviceClock } from '../../simulators/devices/device-clock.ts';
import {
  createAccuChekMeter,
  createCareSensMeter,
  createContourMeter,
  createTaiDocMeter,
  storeKetone,
} from '../../simulators/devices/families/meters.ts';
import { GLUCOSE_MEASUREMENT, type GlucoseMeter } from '../../simulators/devices/glucose-meter.ts';
import { FAMILY, openQuirkWorld, type QuirkWorld } from '../support/quirk-world.ts';
import { openRadioWorld, type RadioWorld } from '../support/radio-world.ts';
import { NOON } from '../support/test-gateway.ts';
import { until } from '../support/until.ts';

const MINUTE = 60_000;
const dec = (mantissa: number, exponent = 0) => ({ mantissa, exponent });
const at = (minutes: number) => instantToWallClock(NOON + minutes * MINUTE, 0);
const clockOf = (aheadMs = 0) => createDeviceClock({ now: () => NOON, aheadMs });
const PASSKEY = 271_828;

let world: QuirkWorld | undefined;
let radioWorld: RadioWorld | undefined;
afterEach(async () => {
  await world?.close();
  await radioWorld?.close();
  world = undefined;
  radioWorld = undefined;
});

async function measure(meter: GlucoseMeter, ...minutes: number[]): Promise<void> {
  for (const [i, minute] of minutes.entries()) {
    await meter.measure({ concentration: dec(80 + i, -5), at: at(minute) });
  }
}

/** Ends the link, and waits until records were asked for again. */
async function comeBack(meter: GlucoseMeter): Promise<void> {
  const before = meter.memory.requests.length;
  meter.disconnect();
  await until('it was asked again', () => meter.memory.requests.length > before && meter.memory.isDone);
}

/** Operators of the requests, and the numbers from which on. */
function asked(meter: GlucoseMeter) {
  return meter.memory.requests.map(({ operator, operand }) => [operator, ...operand]);
}

describe('Contour: clock on vendor characteristic 00001026', () => {
  it('is set there, in UTC with the zone', async () => {
    const clock = clockOf(-30 * MINUTE);
    const meter = createContourMeter({ ...FAMILY, clock });
    await measure(meter, -40);
    world = await openQuirkWorld(meter);
    await world.filed(GLUCOSE_MEASUREMENT, 1);
    await until('the clock was set', () => clock.written.length === 1);
    expect(clock.written).toEqual([at(0)]);
  });
});

describe('Contour: createBond before connect to avoid double pairing', () => {
  it('is not connected to while nobody may pair it', async () => {
    const meter = createContourMeter({ ...FAMILY, clock: clockOf() });
    let connections = 0;
    meter.on('connect', () => connections++);
    let asked = 0;
    let allowed = false;
    radioWorld = await openRadioWorld({
      setUp: (air) => void air.add(meter),
      more: {
        policiesOf,
        mayPair() {
          asked++;
          return allowed;
        },
      },
    });
    await until('it was heard again and again', () => asked >= 5);
    expect(connections).toBe(0);
    allowed = true;
    await until('it is heard', () => meter.isSubscribed(GLUCOSE_MEASUREMENT));
    expect(connections).toBe(1);
  });

  it('is paired once, and uses the bond from then on', async () => {
    const meter = createContourMeter({ ...FAMILY, clock: clockOf() });
    const encrypted: string[] = [];
    meter.on('encrypted', (by) => void encrypted.push(by));
    await measure(meter, -40);
    world = await openQuirkWorld(meter);
    await world.filed(GLUCOSE_MEASUREMENT, 1);
    await comeBack(meter);
    expect(encrypted).toEqual(['paired', 'bonded']);
  });
});

describe('Contour: request only seq > last (incremental)', () => {
  it('asks from the last one on, on the next connection', async () => {
    const meter = createContourMeter({ ...FAMILY, clock: clockOf() });
    await measure(meter, -40, -30, -20);
    world = await openQuirkWorld(meter);
    expect(await world.filed(GLUCOSE_MEASUREMENT, 3)).toHaveLength(3);
    await until('the first transfer ended', () => meter.memory.isDone);
    meter.stopAdvertising();
    meter.disconnect();
    await until('the link has ended', () => !meter.connected);
    await measure(meter, -10);
    meter.startAdvertising();
    expect(await world.filed(GLUCOSE_MEASUREMENT, 4)).toHaveLength(4);
    expect(asked(meter)).toEqual([[1], [3, 1, 4, 0]]);
  });
});

describe('Contour: re-pair after BT restart', () => {
  it('is never done behind the back of its patient, and works once that one pairs it anew', async () => {
    const meter = createContourMeter({ ...FAMILY, clock: clockOf() });
    await measure(meter, -40);
    world = await openQuirkWorld(meter);
    await world.filed(GLUCOSE_MEASUREMENT, 1);
    meter.forgetBonds();
    meter.disconnect();
    await until('it was refused', () => world!.logged('stale-bond') > 0);
    expect(meter.bondCount).toBe(0);
    meter.stopAdvertising();
    await until('nobody is linked to it', () => !meter.connected);
    await measure(meter, -30);
    await world.pairAnew(() => meter.startAdvertising());
    expect(await world.filed(GLUCOSE_MEASUREMENT, 2)).toHaveLength(2);
    expect(meter.bondCount).toBe(1);
  });
});

describe('Accu-Chek: 6-digit passkey, Date Time 2A08 inside 1808, needs 1 stored reading', () => {
  it('is paired by the typed digits once it has something to send, and its clock is set', async () => {
    const clock = clockOf(-20 * MINUTE);
    const { meter, measure: first } = createAccuChekMeter({ ...FAMILY, clock, passkey: PASSKEY });
    world = await openQuirkWorld(meter);
    expect(meter.advertises).toBe(false);
    await world.pairBy(PASSKEY, () => void first({ concentration: dec(95, -5), at: at(-25) }));
    expect(await world.filed(GLUCOSE_MEASUREMENT, 1)).toMatchObject([{ link: 'bonded', deviceClock: at(-25) }]);
    await until('the clock was set', () => clock.written.length === 1);
    expect(clock.written).toEqual([at(0)]);
    expect(meter.bondCount).toBe(1);
  });
});

describe('TaiDoc: reversed sequence numbers, first=newest, no clock, no context', () => {
  it('is asked for everything each time, and each record is filed once', async () => {
    const meter = createTaiDocMeter(FAMILY);
    await measure(meter, -40, -30, -20);
    expect(meter.memory.records.map(({ number }) => number)).toEqual([500, 499, 498]);
    world = await openQuirkWorld(meter);
    await world.filed(GLUCOSE_MEASUREMENT, 3);
    await until('the first transfer ended', () => meter.memory.isDone);
    meter.stopAdvertising();
    meter.disconnect();
    await until('the link has ended', () => !meter.connected);
    await measure(meter, -10);
    meter.startAdvertising();
    const held = await world.filed(GLUCOSE_MEASUREMENT, 4);
    expect(held.map(({ deviceClock }) => deviceClock).toSorted()).toEqual([at(-40), at(-30), at(-20), at(-10)]);
    expect(asked(meter)).toEqual([[1], [1]]);
    expect(world.leaves().some(({ kind }) => kind === 'clock')).toBe(false);
  });
});

describe('CareSens: vendor time char must be written', () => {
  it('is written after the records, and said to be not verified, for it cannot be read', async () => {
    const clock = clockOf(-30 * MINUTE);
    const meter = createCareSensMeter({ ...FAMILY, passkey: PASSKEY, clock });
    meter.stopAdvertising();
    meter.memory.store(await glucoseOf(1));
    world = await openQuirkWorld(meter);
    await world.pairBy(PASSKEY, () => meter.startAdvertising());
    expect(await world.filed(GLUCOSE_MEASUREMENT, 1)).toMatchObject([{ deviceClock: at(-30) }]);
    await until('the clock was set', () => clock.written.length > 0);
    expect(clock.written[0]).toBe(at(0));
    expect(clock.wallClock()).toBe(at(0));
    expect(world.logged('set-up-failed')).toBe(0);
  });
});

describe('CareSens: context `02 seq 06` = ketone', () => {
  it('is never filed as a glucose', async () => {
    const meter = createCareSensMeter({ ...FAMILY, passkey: PASSKEY, clock: clockOf() });
    meter.stopAdvertising();
    storeKetone(meter, 1, dec(12, -3), at(-40));
    meter.memory.store(await glucoseOf(2));
    world = await openQuirkWorld(meter);
    await world.pairBy(PASSKEY, () => meter.startAdvertising());
    expect(await world.filed(GLUCOSE_MEASUREMENT, 1)).toMatchObject([{ deviceClock: at(-30) }]);
    await until('all was sent', () => meter.memory.isDone);
    await world.agent.settled();
    expect(world.agent.status().notResults).toMatchObject({ ketone: 1 });
    expect(await world.filed(GLUCOSE_MEASUREMENT, 1)).toHaveLength(1);
  });
});

/** A glucose of half an hour ago, as a record of this number. */
async function glucoseOf(number: number) {
  const other = createContourMeter({ ...FAMILY, clock: clockOf(), firstSequence: number });
  await measure(other, -30);
  return other.memory.records[0]!;
}
