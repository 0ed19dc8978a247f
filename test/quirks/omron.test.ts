/** Quirks of Omron cuffs, shown by a virtual one and met by a whole agent. */
import { createECDH } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { profileNamed } from '../../protocol/devices/device-profile.ts';
import { explainPairingFailure } from '../../protocol/pairing-failure.ts';
import { instantToWallClock } from '../../protocol/time.ts';
import { createDeviceClock } from '../../simulators/devices/device-clock.ts';
import { type BacklogCuff, BLOOD_PRESSURE } from '../../simulators/devices/families/backlog-cuff.ts';
import {
  createOmronCuff,
  createOmronKeyedCuff,
  createOmronVendorCuff,
  makeBrief,
  OMRON_KEYS,
} from '../../simulators/devices/families/omron.ts';
import { createHeartStrap } from '../../simulators/devices/heart-strap.ts';
import { CID_ATT } from '../../simulators/hci/hci-packets.ts';
import { FAMILY, openQuirkWorld, type QuirkWorld } from '../support/quirk-world.ts';
import { NOON, STRAP } from '../support/test-gateway.ts';
import { until } from '../support/until.ts';

const MINUTE = 60_000;
const dec = (mantissa: number) => ({ mantissa, exponent: 0 });
const at = (minutes: number) => instantToWallClock(NOON + minutes * MINUTE, 0);
const clockOf = (aheadMs = 0) => createDeviceClock({ now: () => NOON, aheadMs });
/** ATT Write Request, Exchange MTU Request. */
const WRITE = 0x12;
const MTU_REQUEST = 0x02;
/** Reason of SMP with which a device answers that is not in pairing mode (Core 5.2 Vol 3 Part H §3.5.5). */
const PAIRING_NOT_SUPPORTED = 0x05;

let world: QuirkWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

function keep(cuff: BacklogCuff, minutes: number): void {
  cuff.keep({ systolic: dec(118), diastolic: dec(78), map: dec(91), at: at(minutes) });
}

/** What was written to the cuff, by handle. */
function watchWrites(cuff: BacklogCuff): { handle: number; value: number[] }[] {
  const writes: { handle: number; value: number[] }[] = [];
  cuff.misbehave = (request) => {
    if (request[0] === WRITE)
      writes.push({ handle: request[1]! | (request[2]! << 8), value: [...request.subarray(3)] });
    return undefined;
  };
  return writes;
}

async function clockAttested(set: string): Promise<void> {
  await until('the setting is attested', async () => {
    await world!.agent.settled();
    return world!.leaves().some((leaf) => leaf.kind === 'clock' && leaf.set === set);
  });
}

describe('Omron: write Current Time only on first notification', () => {
  it('waits until the cuff has sent something', async () => {
    const clock = clockOf(-11 * MINUTE);
    const cuff = createOmronCuff({ ...FAMILY, clock });
    const writes = watchWrites(cuff);
    const time = cuff.database.handleOf(0x2a2b);
    world = await openQuirkWorld(cuff);
    await until('the battery was read', () => cuff.isSubscribed(BLOOD_PRESSURE));
    await world.filed(0x2a19, 1);
    expect(writes.some(({ handle }) => handle === time)).toBe(false);
    keep(cuff, -1);
    cuff.disconnect();
    world.pass(11_000);
    await until('the clock was set', () => clock.written.length === 1);
    expect(clock.written).toEqual([at(0)]);
    expect(writes.some(({ handle }) => handle === time)).toBe(true);
    await clockAttested('set');
  });
});

describe('Omron: and only if more than 10 minutes off', () => {
  it('is never written to within them', async () => {
    const cuff = createOmronCuff({ ...FAMILY, clock: clockOf(-9 * MINUTE) });
    const writes = watchWrites(cuff);
    keep(cuff, -1);
    world = await openQuirkWorld(cuff);
    await world.filed(BLOOD_PRESSURE, 1);
    await world.filed(0x2a19, 1);
    cuff.disconnect();
    await until('the next link has sent everything', () => {
      world!.pass(11_000);
      return cuff.bursts >= 2;
    });
    await world.agent.settled();
    expect(writes.some(({ handle }) => handle === cuff.database.handleOf(0x2a2b))).toBe(false);
  });
});

describe('Omron: otherwise ATT error 0x80', () => {
  it('is attested as refused, and costs neither link nor measurement', async () => {
    const refusing = createDeviceClock({ now: () => NOON, aheadMs: -60 * MINUTE, whenSet: 'refuses' });
    const cuff = createOmronCuff({ ...FAMILY, clock: refusing });
    keep(cuff, -61);
    world = await openQuirkWorld(cuff);
    await world.filed(BLOOD_PRESSURE, 1);
    await clockAttested('refused');
    expect(cuff.connected).toBe(true);
    expect(world.logged('set-up-failed')).toBe(0);
  });
});

describe('Omron: never write CCCD 0000 at close, it destroys the bond', () => {
  it('is never written, not even when the agent stops, and the bond survives', async () => {
    const cuff = createOmronCuff({ ...FAMILY, clock: clockOf() });
    const writes = watchWrites(cuff);
    const encrypted: string[] = [];
    cuff.on('encrypted', (by) => void encrypted.push(by));
    keep(cuff, -1);
    world = await openQuirkWorld(cuff);
    await world.filed(BLOOD_PRESSURE, 1);
    cuff.disconnect();
    await until('the next link has sent everything', () => {
      world!.pass(11_000);
      return cuff.bursts >= 2;
    });
    await world.agent.stop();
    const configuration = cuff.database.handleOf(BLOOD_PRESSURE) + 1;
    const configured = writes.flatMap(({ handle, value }) => (handle === configuration ? [value] : []));
    expect(configured.length).toBeGreaterThan(0);
    expect(configured.every(([bits]) => bits === 2)).toBe(true);
    expect(cuff.bondCount).toBe(1);
    expect(encrypted).toEqual(['paired', 'bonded']);
  });
});

describe('Omron: pair before GATT discovery; needs pairing mode', () => {
  it('is asked for nothing before it is bonded, which it is once somebody has put it into that mode', async () => {
    const cuff = createOmronCuff({ ...FAMILY, clock: clockOf() });
    const early: number[] = [];
    cuff.misbehave = ([opcode = 0]) => {
      if (!cuff.encrypted && opcode !== MTU_REQUEST) early.push(opcode);
      return undefined;
    };
    cuff.pairingRefusal = PAIRING_NOT_SUPPORTED;
    cuff.stopAdvertising();
    keep(cuff, -1);
    world = await openQuirkWorld(cuff);
    await world.pairAnew(() => cuff.startAdvertising());
    expect(explainPairingFailure(await world.refusal(), profileNamed('omron-cuff')!)[1]).toContain('until P flashes');
    cuff.pairingRefusal = undefined;
    await world.filed(BLOOD_PRESSURE, 1);
    expect(early).toEqual([]);
  });
});

describe('Omron: transfer happens after a measurement or with the button held', () => {
  it('is heard within that window, each time, and filed once', async () => {
    const cuff = createOmronCuff({ ...FAMILY, clock: clockOf(), lingerMs: 1 });
    const button = makeBrief(cuff);
    world = await openQuirkWorld(cuff);
    for (const [i, minutes] of [-20, -10, 0].entries()) {
      keep(cuff, minutes);
      button.press();
      await until('it was heard', () => cuff.bursts === i + 1 && !cuff.connected);
      world.pass(11_000);
    }
    const held = await world.filed(BLOOD_PRESSURE, 3);
    expect(held.map(({ deviceClock }) => deviceClock)).toEqual([at(-20), at(-10), at(0)]);
  });
});

describe('Omron: advertises 1810 even if data is via vendor service', () => {
  it('is given up each time without a value, and the agent goes on', async () => {
    const cuff = createOmronVendorCuff(FAMILY);
    world = await openQuirkWorld(cuff);
    await until('it was tried twice', () => world!.logged('set-up-failed') >= 2);
    await world.agent.flush();
    expect(world.agent.status()).toMatchObject({ heard: 0 });
  });
});

describe('Omron: newer models need app-layer ECDH keys: unsupported', () => {
  it('is bonded, gives nothing, and keeps no other device waiting, on the only link that there is', async () => {
    const cuff = createOmronKeyedCuff(FAMILY);
    keep(cuff, -1);
    let tries = 0;
    cuff.on('connect', () => tries++);
    const strap = createHeartStrap({ address: STRAP, name: 'HTEST strap', serial: 'S-1' });
    const timings = { turnMs: 40, idleMs: 20, subscribeAgainMs: 5 };
    world = await openQuirkWorld(cuff, { beside: [strap], maxLinks: 1, timings });
    for (const heartRate of [61, 62, 63]) {
      await strap.whenHeard();
      expect(await strap.beat({ heartRate })).toBe(true);
      const before = tries;
      world.pass(11_000);
      await until('the cuff had its turn', () => tries > before);
    }
    const rates = await world.filed(0x2a37, 3);
    expect(rates.map(({ value }) => value)).toEqual([61, 62, 63].map(dec));
    expect(cuff.bondCount).toBe(1);
    expect(cuff.bursts).toBe(0);
    expect(cuff.written).toEqual([]);
    // The cuff's battery is no secret, and no measurement.
    const others = world.service.readings.filter(({ characteristic }) => characteristic !== 0x2a37);
    expect(others.every(({ characteristic }) => characteristic === 0x2a19)).toBe(true);
    expect(world.agent.status()).toMatchObject({ undecodable: {} });
  });

  it.each([
    ['with keys of its own', createOmronKeyedCuff],
    ["with data by its maker's service alone", createOmronVendorCuff],
  ] as const)('%s: whoever pairs it is told that it cannot be used', async (_, create) => {
    const cuff = create(FAMILY);
    let links = 0;
    cuff.on('disconnect', () => links++);
    cuff.stopAdvertising();
    world = await openQuirkWorld(cuff);
    await world.pairAnew(() => cuff.startAdvertising());
    await until('the first link has ended', () => links > 0);
    world.pass(11_000);
    const failure = await world.refusal();
    expect(failure).toBe('no-standard-data');
    const words = explainPairingFailure(failure, profileNamed('omron-cuff')!);
    expect(words).toHaveLength(1);
    expect(words[0]).toMatch(/only through its maker's own encrypted protocol, which is not supported/);
    await world.agent.flush();
    expect(world.service.readings.some(({ characteristic }) => characteristic === BLOOD_PRESSURE)).toBe(false);
  });

  it('agrees on keys with a host that knows how, and rejects anything else', async () => {
    const cuff = createOmronKeyedCuff({ ...FAMILY, security: {} });
    const heard: Buffer[] = [];
    cuff.accept({
      central: { address: 'c0:00:00:00:00:99', random: true },
      send: (_cid, payload) => void heard.push(payload),
      drop: (reason) => cuff.release(reason),
    });
    const write = (handle: number, ...value: number[]) =>
      cuff.receive(CID_ATT, Buffer.from([WRITE, handle & 0xff, handle >> 8, ...value]));
    const keys = cuff.database.handleOf(OMRON_KEYS);
    write(keys + 1, 1, 0);
    write(keys, 0x70, 0x01, ...new Array(87).fill(0));
    await until('it has answered', () => heard.length === 3);
    expect([...heard[2]!.subarray(3)]).toEqual([0xff, 0x26]);
    expect(cuff.shared).toBeUndefined();
    const own = createECDH('prime256v1');
    write(keys, 0x70, 0x01, ...new Array(23).fill(7), ...own.generateKeys().subarray(1));
    await until('it has answered', () => heard.length === 5);
    expect([...heard[4]!.subarray(3, 5)]).toEqual([0xf0, 0x81]);
    expect(cuff.shared).toHaveLength(32);
  });
});
