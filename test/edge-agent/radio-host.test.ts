import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startAgent } from '../../edge-agent/agent.ts';
import { keepBonds } from '../../edge-agent/radio/bond-store.ts';
import { PROFILES } from '../../edge-agent/radio/profiles.ts';
import type { LinkChange, RadioDevice, RadioLog, RadioNotification } from '../../edge-agent/radio/radio-events.ts';
import {
  type HostedRadioOptions,
  openRadioHost,
  type RadioHost,
  type RadioHostOptions,
} from '../../edge-agent/radio-host.ts';
import { instantToWallClock } from '../../protocol/time.ts';
import { createCuff } from '../../simulators/devices/cuff.ts';
import { createHeartStrap } from '../../simulators/devices/heart-strap.ts';
import { type H4Server, serveH4 } from '../../simulators/hci/h4-server.ts';
import { createSimClock, type SimClock } from '../../simulators/hci/sim-clock.ts';
import { VirtualController } from '../../simulators/hci/virtual-controller.ts';
import { BondedCuff, MEASUREMENT } from '../support/bond-world.ts';
import {
  CUFF,
  cuffMeasurement,
  gatewayOptions,
  issueCode,
  makeFolder,
  NOON,
  STRAP,
  SUBJECT,
} from '../support/test-gateway.ts';
import { TestService } from '../support/test-service.ts';
import { until } from '../support/until.ts';

const FALLS = fileURLToPath(new URL('../support/falls-on-signal.ts', import.meta.url));

let folder: string;
let clock: SimClock;
let controller: VirtualController;
let server: H4Server;
let host: RadioHost | undefined;

beforeEach(async () => {
  folder = makeFolder();
  clock = createSimClock(NOON);
  controller = new VirtualController({ clock, advertisingIntervalMs: 10 });
  server = await serveH4({ controller, path: join(folder, 'hci') });
});

afterEach(async () => {
  await host?.close();
  host = undefined;
  await server.close();
  rmSync(folder, { recursive: true });
});

function open(more: Partial<RadioHostOptions> = {}): Promise<RadioHost> {
  const hci = { kind: 'unix', path: join(folder, 'hci') } as const;
  const restartMs = { first: 10, longest: 100 };
  return openRadioHost({ hci, clock: { now: () => -1 }, restartMs, execArgv: ['--import', FALLS], ...more });
}

const addStrap = () =>
  controller.add(createHeartStrap({ address: STRAP, name: 'HTEST strap', serial: 'S-1', addressType: 'random' }));
const addCuff = () =>
  controller.add(createCuff({ address: CUFF, name: 'HTEST cuff', serial: 'C-1', addressType: 'random' }));
const mmHg = (mantissa: number) => ({ mantissa, exponent: 0 });
const pressure = (systolic: number) => ({
  systolic: mmHg(systolic),
  diastolic: mmHg(80),
  map: mmHg(93),
  at: instantToWallClock(NOON + systolic * 60_000, 0),
});

function listen(
  radioHost: RadioHost,
  onNotification?: (heard: RadioNotification) => Promise<void> | undefined,
  more: Partial<HostedRadioOptions> = {},
) {
  const told = {
    heard: [] as RadioNotification[],
    devices: [] as RadioDevice[],
    links: [] as LinkChange[],
    log: [] as Parameters<RadioLog>[0][],
  };
  radioHost.listen({
    profiles: PROFILES,
    wants: () => true,
    onDevice: (device) => void told.devices.push(device),
    onNotification(notification) {
      // The battery is read whenever a device is met.
      if (notification.characteristic === 0x2a19) return undefined;
      told.heard.push(notification);
      return onNotification?.(notification);
    },
    onLink: (change) => void told.links.push(change),
    log: (line) => void told.log.push(line),
    uptime: () => performance.now(),
    random: () => 0.5,
    timings: { backoffMs: 5 },
    ...more,
  });
  return told;
}

describe('a radio in a process of its own', () => {
  it('tells what one in this process tells, at the time of the packet', async () => {
    const strap = addStrap();
    host = await open();
    expect(host.clock.now()).toBe(NOON);
    const { heard, devices, links } = listen(host);
    await strap.whenHeard();
    clock.set(NOON + 1000);
    const before = performance.now();
    await strap.beat({ heartRate: 61 });
    await until('the beat', () => heard.length > 0);
    const beat = heard[0]!;
    expect(beat).toMatchObject({ device: STRAP, connection: 1, heardAt: NOON + 1000 });
    expect(beat.value).toBeInstanceOf(Uint8Array);
    expect(beat.value[1]).toBe(61);
    // By the clock of this process.
    expect(beat.uptimeMs).toBeGreaterThan(before - 50);
    expect(beat.uptimeMs).toBeLessThan(performance.now() + 50);
    expect(devices).toMatchObject([{ id: STRAP, serial: 'S-1', connection: 1 }]);
    expect(links.map(({ state }) => state)).toEqual(['heard', 'connecting', 'connected', 'subscribed']);
    await until('the time between packets', () => {
      clock.set(NOON + 5000);
      return host!.clock.now() === NOON + 5000;
    });
  });

  it('refuses to start without a controller, in words', async () => {
    const hci = { kind: 'unix', path: join(folder, 'nobody') } as const;
    await expect(open({ hci })).rejects.toThrow(/^no Bluetooth controller answers at /);
    await expect(open({ hci: { kind: 'native', channel: 'user', adapter: 63 } })).rejects.toMatchObject({
      code: 'unavailable',
    });
  });

  it('says that an indication was not confirmed when the agent did not store it', async () => {
    const cuff = addCuff();
    host = await open();
    let refusals = 2;
    const { heard } = listen(host, () => (refusals-- > 0 ? Promise.reject(new Error('disk')) : Promise.resolve()));
    const delivered = cuff.measure(pressure(120));
    await until('three deliveries', () => heard.length >= 3);
    expect(await delivered).toBe(false);
    await until('nothing is left to send', () => cuff.unsent === 0);
    expect(heard.every(({ value }) => value[1] === 120)).toBe(true);
  });

  it.each(['SIGKILL', 'SIGUSR2'] as const)(
    'is started again when it fell (%s), and devices offer again',
    async (signal) => {
      const cuff = addCuff();
      host = await open();
      let isStuck = true;
      const { heard, links, log } = listen(host, () => (isStuck ? new Promise(() => undefined) : Promise.resolve()));
      void cuff.measure(pressure(121));
      await until('it is heard, and not stored', () => heard.length === 1);
      const fallen = host.pid!;
      isStuck = false;
      process.kill(fallen, signal);
      await until('it is offered again and stored', () => heard.length === 2 && cuff.unsent === 0);
      expect(heard[1]!.value).toEqual(heard[0]!.value);
      expect(heard.map(({ connection }) => connection)).toEqual([1, 2]);
      expect(host.ended).toBe(1);
      expect(host.pid).not.toBe(fallen);
      const code = signal === 'SIGKILL' ? 137 : 70;
      expect(log).toContainEqual({ event: 'radio-ended', code, count: 1 });
      expect(log).toContainEqual({ event: 'radio-started-again', count: 1 });
      expect(links).toContainEqual({ device: CUFF, state: 'lost', at: NOON, reason: 'radio ended' });
      expect(links.at(-1)?.state).toBe('subscribed');
    },
  );

  it('goes on looking for a controller that went with it', async () => {
    const strap = addStrap();
    host = await open();
    const { heard } = listen(host);
    await strap.whenHeard();
    await server.close();
    process.kill(host.pid!, 'SIGKILL');
    await until('it tried', () => host!.pid === undefined);
    await pause(100);
    server = await serveH4({ controller, path: join(folder, 'hci') });
    await until('a beat', async () => {
      await strap.beat({ heartRate: 70 });
      return heard.length > 0;
    });
    expect(host.ended).toBe(1);
  });

  it.each([
    ['does not find it', '/nonexistent/node'],
    ['does not take it', ''],
  ])('is started again once the system can, which at first %s', async (_why, path) => {
    const strap = addStrap();
    host = await open();
    const { heard } = listen(host);
    await strap.whenHeard();
    const { execPath } = process;
    process.execPath = path;
    try {
      process.kill(host.pid!, 'SIGKILL');
      await until('it is gone', () => host!.pid === undefined);
      await pause(50);
    } finally {
      process.execPath = execPath;
    }
    await until('a beat', async () => {
      await strap.beat({ heartRate: 70 });
      return heard.length > 0;
    });
    expect(host.ended).toBe(1);
  });

  it('hears on when a bond could not be kept, and says so', async () => {
    const cuff = controller.add(new BondedCuff({}, 'encryption', CUFF));
    host = await open();
    const fail = () => {
      throw new Error('disk');
    };
    const { heard, log } = listen(host, undefined, { bonds: keepBonds(new Map(), { put: fail, remove: fail }) });
    await until('it is paired', () => cuff.isSubscribed(MEASUREMENT));
    await cuff.send(MEASUREMENT, cuffMeasurement(NOON).value);
    await until('it is heard', () => heard.length > 0);
    expect(heard[0]).toMatchObject({ link: 'bonded' });
    expect(log).toContainEqual({ event: 'not-kept' });
  });

  it('ends a process that answers no more', async () => {
    host = await open({ hangMs: 300 });
    const { log } = listen(host);
    process.kill(host.pid!, 'SIGSTOP');
    await until('it was ended', () => log.some(({ event }) => event === 'radio-started-again'));
    expect(log[0]).toEqual({ event: 'radio-ended', code: 137, count: 1 });
  });

  it('ends with the agent that started it, and when it is closed', async () => {
    host = await open();
    const { pid } = host;
    const isThere = () => {
      try {
        process.kill(pid!, 0);
        return true;
      } catch {
        return false;
      }
    };
    expect(isThere()).toBe(true);
    // The terminal's Ctrl-C reaches it as well; the agent decides.
    process.kill(pid!, 'SIGINT');
    process.kill(pid!, 'SIGTERM');
    await pause(50);
    expect(isThere()).toBe(true);
    await host.close();
    await until('it is gone', () => !isThere());
    expect(host.ended).toBe(0);
  });
});

it('loses nothing that was heard when the radio falls while values stream, and says so', async () => {
  const service = await new TestService().start();
  const strap = addStrap();
  const cuff = addCuff();
  const radio = await open();
  // Time comes with the packets.
  const { clock: _still, ...options } = gatewayOptions(folder, service.url, issueCode(service));
  const agent = await startAgent({
    ...options,
    transport: radio,
    radio: { backoffMs: 5 },
  });
  const measured: number[] = [];
  let beats = 0;
  const stream = async (isEnough: () => boolean) => {
    while (!isEnough()) {
      clock.set(clock.now() + 1000);
      if (await strap.beat({ heartRate: 60 + (beats % 100) })) beats++;
      await pause(1);
    }
  };
  const measure = (systolic: number) => {
    measured.push(systolic);
    void cuff.measure(pressure(systolic));
  };
  const heard = () => agent.status().heard;
  await Promise.all([strap.whenHeard(), cuff.whenHeard()]);
  for (const [i, signal] of (['SIGKILL', 'SIGUSR2', 'SIGKILL'] as const).entries()) {
    measure(120 + 2 * i);
    const before = heard();
    await stream(() => heard() >= before + 30);
    measure(121 + 2 * i);
    await until('a process to kill', () => radio.pid !== undefined);
    process.kill(radio.pid!, signal);
    await stream(() => agent.status().radioEnded === i + 1);
    const after = heard();
    await stream(() => heard() >= after + 30);
  }
  await until('the cuff has nothing left', () => cuff.unsent === 0);
  // A battery may be read a little later; what was heard by then must be there.
  await until('all that was heard is there', async () => {
    await agent.settled();
    const { heard, doubles } = agent.status();
    return service.readings.length === heard - doubles;
  });
  expect(agent.status()).toMatchObject({ radioEnded: 3, outbox: 0, undecodable: 0, unknownDevice: 0 });
  // Every measurement that the cuff made is there once: it keeps them until they are confirmed.
  const systolics = service.readings.flatMap(({ components }) => (components ? [components[0]!.value] : []));
  expect(systolics).toEqual(measured.map(mmHg));
  // And of the strap, which keeps nothing, all that reached the agent.
  const rates = service.readings.filter(({ characteristic, unit }) => characteristic === 0x2a37 && unit === '/min');
  expect(new Set(rates.map(({ heardAt }) => heardAt)).size).toBe(rates.length);
  expect(rates.length).toBeGreaterThan(100);
  expect(rates.length).toBeLessThanOrEqual(beats);
  await agent.stop();
  await service.stop();
});

it('leaves a device that may not be heard any more with what it measured', async () => {
  const service = await new TestService().start();
  const cuff = addCuff();
  const radio = await open();
  const { clock: _still, ...options } = gatewayOptions(folder, service.url, issueCode(service));
  const agent = await startAgent({ ...options, transport: radio, radio: { backoffMs: 0, backoffMaxMs: 0 } });
  await cuff.whenHeard();
  await agent.settled();
  // The radio process goes by its memory for a second; then it asks anew, but behind a connection.
  await pause(1_100);
  service.command(1, SUBJECT, false);
  await until('the link has ended', () => !cuff.connected);
  await pause(500);
  void cuff.measure(pressure(130));
  await pause(200);
  expect([cuff.connected, cuff.unsent, agent.status().paused]).toEqual([false, 1, 0]);
  service.command(2, SUBJECT, true);
  await until('it is heard', () => cuff.unsent === 0);
  await agent.settled();
  const systolics = service.readings.flatMap(({ components }) => (components ? [components[0]!.value] : []));
  expect(systolics).toEqual([mmHg(130)]);
  await agent.stop();
  await service.stop();
});
