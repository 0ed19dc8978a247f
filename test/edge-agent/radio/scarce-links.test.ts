import { afterEach, describe, expect, it } from 'vitest';
import { createCuff } from '../../../simulators/devices/cuff.ts';
import { createHeartStrap } from '../../../simulators/devices/heart-strap.ts';
import { openRadioWorld, type RadioWorld, type RadioWorldOptions, until } from '../../support/radio-world.ts';

let world: RadioWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

const straps = [1, 2, 3, 4].map((n) => () => {
  return createHeartStrap({ address: `F0:00:00:00:01:0${n}`, name: `HTEST strap ${n}`, serial: `S-${n}` });
});
const dec = (mantissa: number) => ({ mantissa, exponent: 0 });

async function open(options: RadioWorldOptions): Promise<RadioWorld> {
  world = await openRadioWorld(options);
  return world;
}

describe('an adapter with few links', () => {
  it('learns how many it has, and gives every device a turn', async () => {
    const devices = straps.map((create) => create());
    const { links, events } = await open({
      maxLinks: 2,
      setUp: (air) => devices.forEach((device) => void air.add(device)),
      timings: { turnMs: 40, idleMs: 20 },
    });
    const served = () => new Set(links.filter(({ state }) => state === 'subscribed').map(({ device }) => device));
    await until(() => served().size === 4);
    expect(events).toContain('out-of-links');
    // Whoever has to wait is said to wait, before it gets its link.
    const waited = links.filter(({ state }) => state === 'waiting').map(({ device }) => device);
    expect(new Set(waited).size).toBeGreaterThanOrEqual(2);
    const given = links.filter(({ reason }) => reason === 'its turn was over');
    expect(given.length).toBeGreaterThanOrEqual(2);
  });

  it('looks again after a while, and when the adapter was off, whether it has more', async () => {
    const devices = straps.map((create) => create());
    let aheadMs = 0;
    const { events, transport } = await open({
      maxLinks: 2,
      setUp: (air) => devices.forEach((device) => void air.add(device)),
      timings: { turnMs: 40, idleMs: 20 },
      uptime: () => performance.now() + aheadMs,
    });
    const learned = (times: number) => until(() => events.filter((event) => event === 'out-of-links').length === times);
    await learned(1);
    aheadMs = 600_000;
    await learned(2);
    const adapter = transport as unknown as { setPower(on: boolean): void };
    adapter.setPower(false);
    await until(() => events.includes('adapter-off'));
    adapter.setPower(true);
    await learned(3);
  });

  it('lets a cuff in at once, on the link of a strap that is silent', async () => {
    const [quiet, loud] = [straps[0]!(), straps[1]!()];
    const cuff = createCuff({ address: 'F0:00:00:00:02:01', name: 'HTEST cuff', serial: 'C-1' });
    cuff.stopAdvertising();
    const { links, heard } = await open({
      maxLinks: 2,
      setUp: (air) => [quiet, loud, cuff].forEach((device) => void air.add(device)),
      timings: { turnMs: 600_000, idleMs: 200 },
    });
    await Promise.all([quiet.whenHeard(), loud.whenHeard()]);
    const beating = setInterval(() => void loud.beat({ heartRate: 60 }), 10);
    const measured = cuff.measure({ systolic: dec(120), diastolic: dec(80), map: dec(93) });
    cuff.startAdvertising();
    await cuff.whenSent();
    clearInterval(beating);
    await measured;
    expect(heard(0x2a35)).toHaveLength(1);
    const given = links.filter(({ reason }) => reason === 'its turn was over');
    expect(given.map(({ device }) => device)).toEqual([quiet.address]);
  });
});

describe('a link that went silent', () => {
  it('is asked, kept while the device answers, and dropped when it does not', async () => {
    const strap = straps[0]!();
    const { links } = await open({
      setUp: (air) => void air.add(strap),
      timings: { linkWatchdogMs: 60, operationTimeoutMs: 100 },
    });
    await strap.whenHeard();
    let asked = 0;
    strap.misbehave = () => {
      asked++;
      return undefined;
    };
    await until(() => asked >= 3);
    expect(links.map(({ state }) => state)).not.toContain('lost');
    strap.misbehave = () => 'silence';
    await until(() => links.some(({ reason }) => reason === 'silent'));
    strap.misbehave = () => undefined;
    await strap.whenHeard();
  });
});
