/**
 * `node run.mjs bench/radio-process.ts`: what it costs to hear in a process of its own. The same virtual strap through the
 * same socket and Bluetooth stack, heard here and there in turn.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openH4UnixTransport } from '../edge-agent/radio/h4-unix.ts';
import { PROFILES } from '../edge-agent/radio/profiles.ts';
import { openRadio } from '../edge-agent/radio/radio.ts';
import type { RadioNotification } from '../edge-agent/radio/radio-events.ts';
import { openRadioHost } from '../edge-agent/radio-host.ts';
import { createHeartStrap, type HeartStrap } from '../simulators/devices/heart-strap.ts';
import { serveH4 } from '../simulators/hci/h4-server.ts';
import { createSimClock } from '../simulators/hci/sim-clock.ts';
import { VirtualController } from '../simulators/hci/virtual-controller.ts';

const STREAMED = 20_000;
/** Under way at once while streaming. */
const WINDOW = 200;
const SINGLE = 500;
const RUNS = 3;

type Way = 'in this process' | 'in its own';

async function run(way: Way): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'veravita-radio-'));
  const path = join(folder, 'hci');
  const controller = new VirtualController({ clock: createSimClock(0), advertisingIntervalMs: 10 });
  const strap = controller.add(createHeartStrap({ address: 'F0:00:00:00:00:01', name: 'HTEST strap', serial: 'S-1' }));
  const server = await serveH4({ controller, path });
  let heard = 0;
  const options = {
    profiles: PROFILES,
    wants: () => true,
    onDevice: () => undefined,
    onNotification({ characteristic }: RadioNotification) {
      if (characteristic === 0x2a37) heard++;
      return Promise.resolve();
    },
    onLink: () => undefined,
    uptime: () => performance.now(),
    random: () => 0.5,
  };
  const clock = { now: Date.now };
  const radio =
    way === 'in this process'
      ? openRadio({ ...options, transport: await openH4UnixTransport({ path, clock }) })
      : (await openRadioHost({ hci: { kind: 'unix', path }, clock })).listen(options);
  await strap.whenHeard();
  const perSecond = await stream(strap, () => heard);
  const delays = await single(strap, () => heard);
  await radio.close();
  await server.close();
  rmSync(folder, { recursive: true });
  const at = (share: number) => delays[Math.floor(share * delays.length)]!.toFixed(2);
  return `${way.padEnd(16)}${Math.round(perSecond)} values/s; one alone ${at(0.5)} ms, one in a hundred over ${at(0.99)} ms`;
}

async function stream(strap: HeartStrap, heard: () => number): Promise<number> {
  const startedAt = performance.now();
  const under: Promise<boolean>[] = [];
  for (let i = 0; i < STREAMED; i++) {
    under.push(strap.beat({ heartRate: 60 }));
    if (under.length > WINDOW) await under.shift();
  }
  await reach(heard, STREAMED);
  return (STREAMED / (performance.now() - startedAt)) * 1000;
}

async function single(strap: HeartStrap, heard: () => number): Promise<number[]> {
  const delays: number[] = [];
  for (let i = 0; i < SINGLE; i++) {
    const target = heard() + 1;
    const startedAt = performance.now();
    void strap.beat({ heartRate: 61 });
    await reach(heard, target);
    delays.push(performance.now() - startedAt);
  }
  return delays.sort((a, b) => a - b);
}

async function reach(heard: () => number, target: number): Promise<void> {
  while (heard() < target) await new Promise((resolve) => setImmediate(resolve));
}

for (let i = 0; i < RUNS; i++)
  for (const way of ['in this process', 'in its own'] as const) console.log(await run(way));
