import { afterEach, describe, expect, it } from 'vitest';
import type { DeviceUser, DeviceUsers } from '../../../edge-agent/radio/user-consent.ts';
import { createScale } from '../../../simulators/devices/scale.ts';
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

/** Users in memory. */
function createUsers(...known: DeviceUser[]): DeviceUsers & { readonly added: DeviceUser[] } {
  const added: DeviceUser[] = [];
  return { added, of: () => [...known, ...added], add: (_device, user) => void added.push(user) };
}

const IDENTITY = { address: 'F0:00:00:00:07:05', name: 'BF720 HTEST', serial: 'HTEST-5' };
const kg = (grams: number) => ({ mantissa: grams, exponent: -3 });

describe('a scale that is mute without consent', () => {
  it('speaks for the user whom the agent registered, once, and on each link again', async () => {
    const scale = createScale({ ...IDENTITY, userData: {} });
    const users = createUsers();
    const { heard } = await open({ users, setUp: (air) => void air.add(scale) });
    await until(() => users.added.length === 1);
    const { index } = users.added[0]!;
    expect(users.added).toEqual([{ index, code: 5000 }]);
    await until(() => scale.users?.consented === index);
    await scale.weigh({ weight: kg(71_250), userId: index });
    expect(heard(0x2a9d)).toHaveLength(1);
    expect(await scale.weigh({ weight: kg(80_000), userId: index + 1 })).toBe(false);
    scale.disconnect();
    void scale.weigh({ weight: kg(71_300), userId: index });
    await until(() => heard(0x2a9d).length === 2);
    expect(users.added).toHaveLength(1);
  });

  it('speaks for a user whose code is known, and registers nobody', async () => {
    const scale = createScale({ ...IDENTITY, userData: { users: { 3: 1234 } } });
    const users = createUsers({ index: 3, code: 1234 });
    const { heard } = await open({ users, setUp: (air) => void air.add(scale) });
    void scale.weigh({ weight: kg(71_250), userId: 3 });
    await until(() => heard(0x2a9d).length === 1);
    expect(users.added).toEqual([]);
  });

  it('stays mute where it takes no more users, and that is said', async () => {
    const scale = createScale({ ...IDENTITY, userData: { users: { 0: 1 }, most: 1 } });
    const { events } = await open({ users: createUsers(), setUp: (air) => void air.add(scale) });
    await until(() => events.includes('user-consent-refused'));
    expect(await scale.weigh({ weight: kg(71_250), userId: 0 })).toBe(false);
  });
});
