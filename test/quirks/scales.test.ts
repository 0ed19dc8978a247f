/** Quirks of scales, shown by virtual ones and met by a whole agent. */
import { afterEach, describe, expect, it } from 'vitest';
import { instantToWallClock } from '../../protocol/time.ts';
import { createListedUsersScale, createMiScale, createUserScale } from '../../simulators/devices/families/scales.ts';
import type { Scale } from '../../simulators/devices/scale.ts';
import { FAMILY, openQuirkWorld, type QuirkWorld } from '../support/quirk-world.ts';
import { NOON, SUBJECT } from '../support/test-gateway.ts';
import { until } from '../support/until.ts';

const dec = (mantissa: number, exponent = 0) => ({ mantissa, exponent });
const at = (minutes: number) => instantToWallClock(NOON + minutes * 60_000, 0);
const WEIGHT = 0x2a9d;
/** User Control Point. */
const CONTROL_POINT = 0x2a9f;
/** ATT Write Request. */
const WRITE = 0x12;

let world: QuirkWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

describe('Mi Scale: UUIDs 181D/181B in adverts, non-standard payload', () => {
  it('is read as its maker means it, once, and never as 2A9D or 2A9C', async () => {
    const scale = createMiScale(FAMILY);
    let connections = 0;
    scale.on('connect', () => connections++);
    scale.stepOn(dec(7255, -2), at(0));
    world = await openQuirkWorld(scale);
    const held = await world.filed(0x181b, 1);
    expect(held).toMatchObject([{ carrier: 'service-data', value: dec(72550, -3), unit: 'kg', deviceClock: at(0) }]);
    expect(world.service.readings).toHaveLength(1);
    expect(world.agent.status()).toMatchObject({ undecodable: {} });
    expect(connections).toBe(0);
  });

  it('says nothing while the number blinks', async () => {
    const scale = createMiScale(FAMILY);
    scale.stepOn(dec(4400, -2), at(0), false);
    world = await openQuirkWorld(scale);
    await until('it was heard', () => Object.keys(world!.agent.status().notResults).length > 0);
    scale.stepOn(dec(7255, -2), at(1));
    expect(await world.filed(0x181b, 1)).toMatchObject([{ value: dec(72550, -3) }]);
  });
});

describe('Beurer BF/Sanitas SBF72/Soehnle scales: UDS consent required before data; list-users often unsupported', () => {
  it('registers a user, keeps index and code, and consents on the next connection, too', async () => {
    const scale = createUserScale(FAMILY);
    void scale.weigh({ weight: dec(725, -1), at: at(-2), userId: 0 });
    world = await openQuirkWorld(scale);
    expect(await world.filed(WEIGHT, 1)).toMatchObject([{ subject: SUBJECT, deviceClock: at(-2) }]);
    scale.disconnect();
    await until('the link has ended', () => scale.users?.consented === undefined);
    void scale.weigh({ weight: dec(730, -1), at: at(-1), userId: 0 });
    await until('it is linked again', () => {
      world!.pass(11_000);
      return scale.users?.consented === 0;
    });
    const held = await world.filed(WEIGHT, 2);
    expect(held.map(({ deviceClock }) => deviceClock)).toEqual([at(-2), at(-1)]);
    expect(scale.users?.users).toEqual([0]);
  });
});

describe.each([
  ['sbf72', 'error'],
  ['sbf72', 'nothing'],
  ['bf600', 'error'],
  ['bf600', 'nothing'],
] as const)('Beurer BF/Sanitas SBF72: + vendor user list (%s, which answers %s)', (model, answers) => {
  it('is left alone; consent goes by the standard, with an index and a code that outlive a restart', async () => {
    const { scale, listAsked } = createListedUsersScale({ ...FAMILY, model, answers });
    const asked = watchControlPoint(scale);
    void scale.weigh({ weight: dec(725, -1), at: at(-3), userId: 0 });
    world = await openQuirkWorld(scale);
    await world.filed(WEIGHT, 1);
    await world.restart();
    void scale.weigh({ weight: dec(730, -1), at: at(-2), userId: 0 });
    await world.filed(WEIGHT, 2);
    scale.disconnect();
    void scale.weigh({ weight: dec(735, -1), at: at(-1), userId: 0 });
    await until('it is linked again', () => {
      world!.pass(11_000);
      return asked.length >= 4;
    });
    const held = await world.filed(WEIGHT, 3);
    expect(held.map(({ deviceClock }) => deviceClock)).toEqual([at(-3), at(-2), at(-1)]);
    expect(held.every(({ subject }) => Buffer.from(subject).equals(SUBJECT))).toBe(true);
    // Registered once (1) with a code, then consented to (2) by index and that code, on each link.
    const [registration = [], ...consents] = asked;
    const [, ...code] = registration;
    expect(registration).toEqual([1, ...code]);
    expect(consents).toEqual(consents.map(() => [2, 0, ...code]));
    expect(scale.users?.users).toEqual([0]);
    expect(listAsked).toEqual([]);
    expect(world.logged('set-up-failed')).toBe(0);
  });
});

/** What is written to the User Control Point, as it comes. */
function watchControlPoint(scale: Scale): number[][] {
  const asked: number[][] = [];
  const handle = scale.database.handleOf(CONTROL_POINT);
  const { misbehave } = scale;
  scale.misbehave = (request) => {
    const [opcode, low = 0, high = 0, ...value] = request;
    if (opcode === WRITE && (low | (high << 8)) === handle) asked.push(value);
    return misbehave(request);
  };
  return asked;
}
