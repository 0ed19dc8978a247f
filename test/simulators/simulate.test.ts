import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openH4TcpTransport } from '../../edge-agent/radio/h4-tcp.ts';
import { openH4UnixTransport } from '../../edge-agent/radio/h4-unix.ts';
import { PROFILES } from '../../edge-agent/radio/profiles.ts';
import { openRadio } from '../../edge-agent/radio/radio.ts';
import { decodeHeartRateMeasurement } from '../../protocol/gatt/heart-rate.ts';
import { readSimulateConfig } from '../../simulators/simulate-config.ts';
import { until } from '../support/until.ts';

const MAIN = fileURLToPath(new URL('../../simulators/simulate-main.ts', import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simulate-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function run(...args: string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.err += text;
  });
  return { child, output, ended: once(child, 'close') };
}

describe('npm run simulate', () => {
  it.each(['tcp', 'unix'] as const)('serves living wearables over %s until it is stopped', async (way) => {
    const path = join(folder, 'hci');
    const place = way === 'tcp' ? 'tcp://127.0.0.1:0' : `unix://${path}`;
    const { child, output, ended } = run('serve', place, '--seed', '7', '--speed', '20', '--wearables', 'strap,cuff');
    await until('it listens', () => output.out.includes('Ctrl-C stops'));
    const port = Number(/tcp:\/\/127\.0\.0\.1:(\d+)/.exec(output.out)?.[1]);
    const clock = { now: () => 0 };
    const transport =
      way === 'tcp'
        ? await openH4TcpTransport({ host: '127.0.0.1', port, clock })
        : await openH4UnixTransport({ path, clock });
    const heard: { heardAt: number; value: Uint8Array }[] = [];
    const devices: string[] = [];
    const radio = openRadio({
      transport,
      profiles: PROFILES,
      wants: () => true,
      onDevice: ({ localName = '', id }) => void devices.push(`${id}  ${localName}`),
      onNotification(notification) {
        if (notification.characteristic === 0x2a37) heard.push(notification);
        return undefined;
      },
      onLink: () => undefined,
      uptime: () => performance.now(),
      random: () => 0.5,
    });
    // Simulated time, twenty times as fast as ours.
    const started = performance.now();
    const passedMs = () => (heard.at(-1)?.heardAt ?? 0) - (heard[0]?.heardAt ?? 0);
    await until('ten simulated seconds and both devices', () => passedMs() >= 10_000 && devices.length === 2);
    expect(performance.now() - started).toBeLessThan(10_000);
    for (const device of devices) expect(output.out).toContain(`${device}\n`);
    for (const { value } of heard) {
      const { heartRate } = decodeHeartRateMeasurement(value);
      expect(heartRate).toBeGreaterThan(35);
      expect(heartRate).toBeLessThan(200);
    }
    await radio.close();
    child.kill('SIGINT');
    expect((await ended)[0]).toBe(0);
    expect(output.err).toBe('');
    expect(existsSync(path)).toBe(false);
  });

  it('says in one line what is wrong, and helps', async () => {
    const [bad, absent, help] = [
      run('serve', 'tcp://0.0.0.0:1'),
      run('serve', `unix://${folder}/no/hci`),
      run('--help'),
    ];
    expect((await bad.ended)[0]).toBe(2);
    expect(bad.output.err).toBe('simulate: serve takes one place, tcp://127.0.0.1:PORT or unix://PATH\n');
    expect((await absent.ended)[0]).toBe(1);
    expect(absent.output.err).toMatch(/^simulate: [^\n]*the folder of the socket is not there\n$/);
    expect((await help.ended)[0]).toBe(0);
    expect(help.output.out).toMatch(/^Usage: npm run simulate/);
  });
});

describe('readSimulateConfig', () => {
  const problemOf = (...args: string[]) => {
    const config = readSimulateConfig(args);
    return config.kind === 'refused' ? config.problem : config.kind;
  };

  it('reads the place and the wearables', () => {
    expect(readSimulateConfig(['serve', 'tcp://[::1]:9001', '--wearables', 'cgm,strap', '--speed', '0.5'])).toEqual({
      kind: 'serve',
      settings: { place: { host: '::1', port: 9001 }, seed: 1, speed: 0.5, kinds: ['strap', 'cgm'] },
    });
    expect(readSimulateConfig(['serve', 'tcp://localhost:0'])).toMatchObject({
      settings: { place: { host: '127.0.0.1', port: 0 } },
    });
  });

  it.each([
    [[]],
    [['record']],
    [['serve']],
    [['serve', 'tcp://192.168.1.1:9001']],
    [['serve', 'tcp://127.0.0.1:65536']],
    [['serve', 'unix://']],
    [['serve', 'unix:///a', 'unix:///b']],
    [['serve', 'unix:///a', '--seed', 'x']],
    [['serve', 'unix:///a', '--seed', '4294967296']],
    [['serve', 'unix:///a', '--speed', '0']],
    [['serve', 'unix:///a', '--wearables', 'strap,hat']],
    [['serve', 'unix:///a', '--wearables', 'strap,strap']],
    [['serve', 'unix:///a', '--frobnicate']],
  ])('refuses %j in one line', (args) => {
    expect(problemOf(...args)).toMatch(/^[^\n]{10,120}$/);
  });
});
