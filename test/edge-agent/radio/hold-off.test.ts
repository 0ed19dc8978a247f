import { afterEach, describe, expect, it } from 'vitest';
import { createHeartStrap } from '../../../simulators/devices/heart-strap.ts';
import { openRadioWorld, type RadioWorld, type RadioWorldOptions, until } from '../../support/radio-world.ts';

let world: RadioWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

const HOLD_OFF_MS = 300;

function createStrap() {
  return createHeartStrap({ address: 'F0:00:00:00:01:01', name: 'HTEST strap', serial: 'S-1' });
}

async function open(options: RadioWorldOptions): Promise<{ world: RadioWorld; heldOffAt: number[] }> {
  const heldOffAt: number[] = [];
  world = await openRadioWorld({
    ...options,
    holdOffMs({ localName }) {
      expect(localName).toBe('HTEST strap');
      heldOffAt.push(performance.now());
      return HOLD_OFF_MS;
    },
  });
  return { world, heldOffAt };
}

const countOf = ({ links }: RadioWorld, wanted: string) => links.filter(({ state }) => state === wanted).length;

describe('hold-off', () => {
  it('keeps away from a device that goes on advertising after its link has ended', async () => {
    const strap = createStrap();
    const { world, heldOffAt } = await open({ setUp: (air) => void air.add(strap) });
    await until(() => countOf(world, 'subscribed') === 1);
    strap.leaveRange();
    await until(() => countOf(world, 'lost') === 1);
    strap.enterRange();
    await until(() => countOf(world, 'connecting') === 2);
    expect(performance.now() - heldOffAt[0]!).toBeGreaterThanOrEqual(HOLD_OFF_MS);
    await strap.whenHeard();
    expect(heldOffAt).toHaveLength(1);
  });

  it('does not keep away from a device whose link was of no use', async () => {
    const strap = createStrap();
    let silent = true;
    strap.misbehave = () => (silent ? 'silence' : undefined);
    const { world, heldOffAt } = await open({
      setUp: (air) => void air.add(strap),
      timings: { operationTimeoutMs: 30 },
    });
    await until(() => countOf(world, 'lost') >= 2);
    silent = false;
    await strap.whenHeard();
    expect(heldOffAt).toEqual([]);
  });
});
