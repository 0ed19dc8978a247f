/** Google Bumble as a second opinion, both ways round; see docs/interop.md. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openH4TcpTransport } from '../../edge-agent/radio/h4-tcp.ts';
import { openH4UnixTransport } from '../../edge-agent/radio/h4-unix.ts';
import { PROFILES } from '../../edge-agent/radio/profiles.ts';
import { openRadio } from '../../edge-agent/radio/radio.ts';
import type { RadioDevice } from '../../edge-agent/radio/radio-events.ts';
import { encodeHex } from '../../protocol/bytes.ts';
import { decodeBatteryLevel } from '../../protocol/gatt/battery.ts';
import { decodeHeartRateMeasurement, encodeHeartRateMeasurement } from '../../protocol/gatt/heart-rate.ts';
import { createHeartStrap } from '../../simulators/devices/heart-strap.ts';
import { type H4Place, serveH4 } from '../../simulators/hci/h4-server.ts';
import { createSimClock } from '../../simulators/hci/sim-clock.ts';
import { VirtualController } from '../../simulators/hci/virtual-controller.ts';
import { until } from '../support/until.ts';

const SCRIPTS = fileURLToPath(new URL('../interop/bumble/', import.meta.url));
const python = process.env.BUMBLE_PYTHON ?? 'python3';
const bumble = spawnSync(python, ['-c', 'import importlib.metadata as m; print(m.version("bumble"))'], {
  encoding: 'utf8',
});
const absent = bumble.status !== 0;
if (absent) console.log('skipped: no Bumble here (pip install bumble, BUMBLE_PYTHON), so no second stack judges ours');
else console.log(`Bumble ${bumble.stdout.trim()}`);

const STRAP = 'f0:00:00:00:01:01';
/** With and without contact, energy and RR intervals, one and two octets of rate, and one longer than an ACL packet. */
const BEATS = ['0648', '0f4801d204', '165a0003f402', '00b4', `1046${'0003'.repeat(20)}`];

let folder: string;
const children: ReturnType<typeof spawn>[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'veravita-bumble-'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a script of ours on Bumble; `lines` grows as it prints JSON. */
function runPython(script: string, ...args: string[]) {
  const child = spawn(python, [join(SCRIPTS, script), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  const output = { text: '', errors: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.text += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.errors += text;
  });
  const lines = () =>
    output.text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  const line = async (number: number) => {
    await until(`line ${number} of ${script}`, () => lines().length >= number || child.exitCode !== null, 60_000);
    if (lines().length < number) throw new Error(output.errors);
    return lines()[number - 1];
  };
  return { child, lines, line };
}

describe.skipIf(absent).each(['tcp', 'unix'] as const)('Bumble over %s', (way) => {
  it('scans, pairs, discovers and hears on our controller as a central', async () => {
    const clock = createSimClock(0);
    const controller = new VirtualController({ clock, aclLength: 27 });
    const strap = controller.add(createHeartStrap({ address: STRAP, name: 'HTEST strap', serial: 'S-1' }));
    await strap.setBattery(73);
    const path = join(folder, 'hci');
    const place: H4Place = way === 'tcp' ? { port: 0 } : { path };
    const server = await serveH4({ controller, ...place });
    const where = way === 'tcp' ? `tcp-client:127.0.0.1:${server.port}` : `unix:${path}`;
    const central = runPython('central.py', where, 'HTEST strap', '3');

    const beats = [
      { heartRate: 61, rr1024: [1007] },
      { heartRate: 300, rr1024: [204, 205, 206, 207, 208, 209, 210, 211] },
      { heartRate: 62, contact: false },
    ];
    await Promise.race([strap.whenHeard(), central.line(1)]);
    for (const beat of beats) {
      clock.set(clock.now() + 1000);
      expect(await strap.beat(beat)).toBe(true);
    }
    const heard = await central.line(1);
    expect(heard).toMatchObject({ address: STRAP, random: true, encrypted: true, mtu: 100 });
    expect(heard.services).toEqual({
      '1800': ['2A00'],
      '180D': ['2A37', '2A38'],
      '180F': ['2A19'],
      '180A': ['2A29', '2A24', '2A25', '2A26'],
    });
    const sent = beats.map(({ heartRate, rr1024 = [], contact = true }) =>
      encodeHeartRateMeasurement({
        heartRate,
        rr1024,
        contactSupported: true,
        contactDetected: contact,
        energyKJ: null,
      }),
    );
    expect(heard.beats).toEqual(sent.map(encodeHex));
    const decoded = (heard.beats as string[]).map((hex) => decodeHeartRateMeasurement(Buffer.from(hex, 'hex')));
    expect(decoded.map(({ heartRate }) => heartRate)).toEqual([61, 300, 62]);
    expect(decodeBatteryLevel(Buffer.from(heard.battery, 'hex'))).toMatchObject({ percent: 73 });
    await server.close();
  });

  it('is heard by our radio as a controller and a peripheral, byte for byte', async () => {
    const path = join(folder, 'hci');
    const peripheral = runPython('peripheral.py', way === 'tcp' ? 'tcp' : `unix:${path}`, '57', ...BEATS);
    const { port } = await peripheral.line(1);
    const clock = { now: Date.now };
    const transport =
      way === 'tcp'
        ? await openH4TcpTransport({ host: '127.0.0.1', port, clock })
        : await openH4UnixTransport({ path, clock });
    const devices: RadioDevice[] = [];
    const heard: { characteristic: number; hex: string }[] = [];
    const radio = openRadio({
      transport,
      profiles: PROFILES,
      wants: ({ localName }) => localName === 'HTEST Bumble',
      onDevice: (device) => void devices.push(device),
      onNotification({ characteristic, value }) {
        heard.push({ characteristic, hex: encodeHex(value) });
        return undefined;
      },
      onLink: () => undefined,
      uptime: () => performance.now(),
      random: () => 0.5,
    });
    const of = (uuid: number) => heard.filter(({ characteristic }) => characteristic === uuid).map(({ hex }) => hex);
    await until('all beats and the battery', () => of(0x2a37).length === BEATS.length && of(0x2a19).length > 0, 60_000);
    expect(of(0x2a37)).toEqual(BEATS);
    expect(of(0x2a19)).toEqual(['57']);
    expect(peripheral.lines().slice(1)).toEqual(BEATS.map((sent) => ({ sent })));
    expect(devices).toEqual([
      {
        id: 'f0:f1:f2:f3:f4:f5',
        addressType: 'random',
        localName: 'HTEST Bumble',
        manufacturer: 'Bumble HTEST',
        connection: 1,
        link: 'unbonded',
      },
    ]);
    await radio.close();
  });
});
