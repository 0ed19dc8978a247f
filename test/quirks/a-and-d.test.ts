/** Quirks of A&D devices, shown by a virtual one and met by a whole agent. */
import { afterEach, describe, expect, it } from 'vitest';
import { profileOf } from '../../protocol/devices/device-profile.ts';
import { explainPairingFailure } from '../../protocol/pairing-failure.ts';
import { explainReading } from '../../protocol/recheck.ts';
import { instantToWallClock } from '../../protocol/time.ts';
import { MDC } from '../../protocol/vital-signs.ts';
import { createDeviceClock } from '../../simulators/devices/device-clock.ts';
import {
  createAndDCuff,
  createAndDScale,
  createAndDThermometer,
  createAndDWristCuff,
  keepFailed,
} from '../../simulators/devices/families/a-and-d.ts';
import type { BacklogCuff } from '../../simulators/devices/families/backlog-cuff.ts';
import { FAMILY, openQuirkWorld, type QuirkWorld } from '../support/quirk-world.ts';
import { NOON } from '../support/test-gateway.ts';
import { until } from '../support/until.ts';

const MINUTE = 60_000;
const dec = (mantissa: number, exponent = 0) => ({ mantissa, exponent });
const at = (minutes: number) => instantToWallClock(NOON + minutes * MINUTE, 0);
const clockOf = (aheadMs = 0) => createDeviceClock({ now: () => NOON, aheadMs });

/** Reason of SMP with which a device answers that is not in pairing mode (Core 5.2 Vol 3 Part H §3.5.5). */
const PAIRING_NOT_SUPPORTED = 0x05;

function keepThree(cuff: BacklogCuff): void {
  for (const [i, minutes] of [-90, -60, -30].entries()) {
    cuff.keep({ systolic: dec(120 + i), diastolic: dec(80), map: dec(93), pulse: dec(60), at: at(minutes), status: 0 });
  }
}

let world: QuirkWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

/** Blood pressures that the service holds, once there are so many. */
async function pressures(world: QuirkWorld, count: number) {
  await until('pressures', async () => {
    await world.agent.settled();
    return world.service.readings.filter(({ vital }) => vital === MDC.bloodPressure).length >= count;
  });
  return world.service.readings.filter(({ vital }) => vital === MDC.bloodPressure);
}

describe('A&D: no 1805: clock is 2A08 Date Time inside the measurement service', () => {
  it('is set there, after what was stored by it', async () => {
    const clock = clockOf(-16 * MINUTE);
    const cuff = createAndDCuff({ ...FAMILY, clock });
    keepThree(cuff);
    world = await openQuirkWorld(cuff);
    const held = await pressures(world, 3);
    await until('the clock was set', () => clock.written.length === 1);
    expect(clock.written).toEqual([at(0)]);
    expect(held).toHaveLength(3);
    await until('the setting is attested', async () => {
      await world!.agent.settled();
      return world!.leaves().some((leaf) => leaf.kind === 'clock' && leaf.set === 'set');
    });
  });
});

describe('A&D: sends whole backlog as a burst of indications', () => {
  it('is filed once, though it comes again on each connection', async () => {
    const cuff = createAndDCuff({ ...FAMILY, clock: clockOf(), lingerMs: 1 });
    keepThree(cuff);
    world = await openQuirkWorld(cuff);
    await until('two bursts', () => {
      world!.pass(11_000);
      return cuff.bursts >= 2;
    });
    const held = await pressures(world, 3);
    expect(held.map(({ deviceClock }) => deviceClock)).toEqual([at(-90), at(-60), at(-30)]);
    expect(world.agent.status().doubles).toBeGreaterThanOrEqual(3);
  });
});

describe('A&D: failed measurements come as all-NaN', () => {
  it('are kept as measurements that failed, with no number made up', async () => {
    const cuff = createAndDCuff({ ...FAMILY, clock: clockOf() });
    keepFailed(cuff, at(-5));
    world = await openQuirkWorld(cuff);
    const [failed] = await pressures(world, 1);
    expect(failed!.raw[0]).toBe(0x16);
    expect(failed!.components?.map(({ value }) => value)).toEqual(['NaN', 'NaN', 'NaN']);
    expect(explainReading(failed!)).toBeUndefined();
  });
});

describe('A&D: must be paired in pairing mode first', () => {
  it('is said so with what to press, and is paired once somebody has pressed it', async () => {
    const cuff = createAndDCuff({ ...FAMILY, clock: clockOf() });
    cuff.pairingRefusal = PAIRING_NOT_SUPPORTED;
    cuff.stopAdvertising();
    keepThree(cuff);
    world = await openQuirkWorld(cuff);
    await world.pairAnew(() => cuff.startAdvertising());
    const failure = await world.refusal();
    expect(failure).toBe('not-supported');
    const profile = profileOf({ name: cuff.name });
    expect(explainPairingFailure(failure, profile)).toEqual(expect.arrayContaining([...profile.advice]));
    expect(cuff.bondCount).toBe(0);
    cuff.pairingRefusal = undefined;
    await pressures(world, 3);
    expect(cuff.bondCount).toBe(1);
  });
});

describe('A&D: discovery on an unpaired unit ends in power off', () => {
  it('never happens: it is bonded first, and the next link uses the bond', async () => {
    const cuff = createAndDCuff({ ...FAMILY, clock: clockOf(), lingerMs: 1 });
    const encrypted: string[] = [];
    cuff.on('encrypted', (by) => void encrypted.push(by));
    keepThree(cuff);
    world = await openQuirkWorld(cuff);
    await until('two bursts', () => {
      world!.pass(11_000);
      return cuff.bursts >= 2;
    });
    expect(encrypted.slice(0, 2)).toEqual(['paired', 'bonded']);
    expect(cuff.bondCount).toBe(1);
  });

  it('goes for scale and thermometer, too', async () => {
    const scale = createAndDScale(FAMILY);
    void scale.weigh({ weight: dec(705, -1), at: at(-1) });
    world = await openQuirkWorld(scale);
    expect(await world.filed(0x2a9d, 1)).toMatchObject([{ link: 'bonded' }]);
    await world.close();
    const thermometer = createAndDThermometer(FAMILY);
    void thermometer.measure({ temperature: dec(371, -1), at: at(-1) });
    world = await openQuirkWorld(thermometer);
    expect(await world.filed(0x2a1c, 1)).toMatchObject([{ link: 'bonded' }]);
  });
});

describe('A&D: disconnects when done; treat as success', () => {
  it('is waited for, and no failure is noted', async () => {
    const cuff = createAndDCuff({ ...FAMILY, clock: clockOf(), lingerMs: 1 });
    keepThree(cuff);
    world = await openQuirkWorld(cuff);
    await pressures(world, 3);
    await until('it hung up', () => !cuff.connected);
    expect(world.logged('set-up-failed')).toBe(0);
    expect(world.logged('delivery-failed')).toBe(0);
  });
});

describe('A&D UB-1100BLE: bonded link, drops quickly', () => {
  it('is connected to again at once, by its bond, until everything is in', async () => {
    const cuff = createAndDWristCuff({ ...FAMILY, clock: clockOf(), drops: 3 });
    keepThree(cuff);
    world = await openQuirkWorld(cuff);
    expect(await pressures(world, 3)).toHaveLength(3);
    expect(cuff.bondCount).toBe(1);
  });
});
