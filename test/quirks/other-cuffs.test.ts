/** Quirks of Beurer and boso cuffs, shown by virtual ones and met by a whole agent. */
import { afterEach, describe, expect, it } from 'vitest';
import { explainReading } from '../../protocol/recheck.ts';
import { instantToWallClock } from '../../protocol/time.ts';
import { MDC } from '../../protocol/vital-signs.ts';
import { BLOOD_PRESSURE } from '../../simulators/devices/families/backlog-cuff.ts';
import { createBeurerCuff, createBosoCuff, keepBeurer } from '../../simulators/devices/families/other-cuffs.ts';
import { FAMILY, openQuirkWorld, type QuirkWorld } from '../support/quirk-world.ts';
import { NOON } from '../support/test-gateway.ts';
import { until } from '../support/until.ts';

const dec = (mantissa: number) => ({ mantissa, exponent: 0 });
const AT = instantToWallClock(NOON - 60_000, 0);

let world: QuirkWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

describe('Beurer BM85: flags 0x56, pulse + status big-endian, user-id octet always sent', () => {
  it('is read as it is meant, and waits until its user is claimed', async () => {
    const cuff = createBeurerCuff(FAMILY);
    keepBeurer(cuff, { systolic: 124, diastolic: 82, pulse: 63, at: AT, userId: 1 });
    world = await openQuirkWorld(cuff);
    await until('it waits for its user', () => world!.agent.status().unclaimed === 2);
    await world.claim(1);
    const held = await world.filed(BLOOD_PRESSURE, 2);
    expect(held.find(({ vital }) => vital === MDC.cuffPulse)).toMatchObject({ value: dec(63), profile: 'beurer-cuff' });
    const panel = held.find(({ vital }) => vital === MDC.bloodPressure)!;
    expect(panel.components?.map(({ value }) => value)).toEqual([dec(124), dec(82), 'NaN']);
    expect(held.map(explainReading)).toEqual([undefined, undefined]);
  });
});

describe('boso medicus: connect errors, unstable', () => {
  it('is tried again until it works', async () => {
    const cuff = createBosoCuff({ ...FAMILY, failures: 4 });
    let attempts = 0;
    cuff.on('connect', () => attempts++);
    void cuff.measure({ systolic: dec(131), diastolic: dec(84), map: dec(99), at: AT });
    world = await openQuirkWorld(cuff);
    await world.filed(BLOOD_PRESSURE, 1);
    expect(attempts).toBe(5);
    expect(cuff.unsent).toBe(0);
  });
});
