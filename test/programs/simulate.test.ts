import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openH4TcpTransport } from '../../edge-agent/radio/h4-tcp.ts';
import { openH4UnixTransport } from '../../edge-agent/radio/h4-unix.ts';
import { PROFILES } from '../../edge-agent/radio/profiles.ts';
import { openRadio } from '../../edge-agent/radio/radio.ts';
import { decodeHeartRateMeasurement } from '../../protocol/gatt/heart-rate.ts';
import type { FleetResult } from '../../simulators/fleet.ts';
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

/** Hears what is at the other end of a unix socket until it has so many heart rates. */
async function hearBeats(path: string, count: number): Promise<{ heardAt: number; value: Uint8Array }[]> {
  const heard: { heardAt: number; value: Uint8Array }[] = [];
  const radio = openRadio({
    transport: await openH4UnixTransport({ path, clock: { now: () => 0 } }),
    profiles: PROFILES,
    wants: () => true,
    onDevice: () => undefined,
    onNotification({ characteristic, heardAt, value }) {
      if (characteristic === 0x2a37) heard.push({ heardAt, value });
      return undefined;
    },
    onLink: () => undefined,
    uptime: () => performance.now(),
    random: () => 0.5,
  });
  await until('the beats are heard', () => heard.length >= count);
  await radio.close();
  return heard;
}

describe('npm run simulate -- record and replay', () => {
  it('records what passes between a host and a controller, and plays it to another host', async () => {
    const at = (name: string) => join(folder, name);
    const wearables = run('serve', `unix://${at('air')}`, '--wearables', 'strap', '--speed', '20');
    const recorder = run('record', `unix://${at('host')}`, `unix://${at('air')}`, at('radio.btsnoop'));
    await until('both listen', () => [wearables, recorder].every(({ output }) => output.out.includes('Ctrl-C')));
    const first = await hearBeats(at('host'), 10);
    await until('the end is noticed', () => recorder.output.out.includes('the connection ended'));
    for (const { child, ended } of [recorder, wearables]) {
      child.kill('SIGINT');
      expect((await ended)[0]).toBe(0);
    }
    expect(statSync(at('radio.btsnoop')).mode & 0o777).toBe(0o600);

    const again = run('record', `unix://${at('host')}`, `unix://${at('air')}`, at('radio.btsnoop'));
    expect((await again.ended)[0]).toBe(1);
    expect(again.output.err).toBe('simulate: that file is there already; name another\n');

    const replay = run('replay', at('radio.btsnoop'), `unix://${at('replay')}`, '--speed', '1000');
    await until('it listens', () => replay.output.out.includes('Ctrl-C'));
    const second = await hearBeats(at('replay'), 10);
    expect((await replay.ended)[0]).toBe(0);
    expect(replay.output.out).toMatch(/^Played \d+ values; 0 could not be sent\.$/m);
    expect(second.slice(0, 10)).toEqual(first.slice(0, 10));
  });

  it('says that no controller is there', async () => {
    const recorder = run('record', `unix://${join(folder, 'host')}`, 'tcp://127.0.0.1:1', join(folder, 'x.btsnoop'));
    await until('it listens', () => recorder.output.out.includes('Ctrl-C'));
    await expect(openH4UnixTransport({ path: join(folder, 'host'), clock: { now: () => 0 } })).rejects.toThrow();
    await until('it says so', () => recorder.output.out.includes('no controller answers'));
    recorder.child.kill('SIGINT');
    expect((await recorder.ended)[0]).toBe(0);
  });
});

describe('npm run simulate -- fleet', () => {
  it('counts every reading of twenty agents at both ends', async () => {
    const { output, ended } = run('fleet', '--agents', '20', '--rate', '4', '--seconds', '3', '--json');
    expect((await ended)[0]).toBe(0);
    const { heldAfterMs, ...result } = JSON.parse(output.out) as FleetResult;
    const { sealed } = result;
    const counts = { agents: 20, seconds: 3, sent: 240, refused: 0, filed: 240, logged: 240, lost: 0, doubled: 0 };
    expect(result).toEqual({ ...counts, sealed, held: sealed });
    expect(sealed).toBeGreaterThanOrEqual(20);
    expect(heldAfterMs!.p50).toBeLessThanOrEqual(heldAfterMs!.p99);
    expect(output.err).toContain('20 agents enrolled');
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
    [['frobnicate']],
    [['record', 'unix:///a', 'unix:///b']],
    [['record', 'tcp://0.0.0.0:1', 'unix:///b', 'c']],
    [['record', 'unix:///a', '/dev/ttyS0', 'c']],
    [['replay', 'a']],
    [['replay', 'a', 'unix:///b', '--speed', '0']],
    [['replay', 'a', 'unix:///b', '--device', 'x']],
    [['import', 'a']],
    [['fleet', 'x']],
    [['fleet', '--agents', '0']],
    [['fleet', '--agents', '1001']],
    [['fleet', '--rate', '0']],
    [['fleet', '--seconds', '1e9']],
    [['fleet', '--service', 'http://127.0.0.1:1']],
    [['fleet', '--service', 'x', '--data', 'y']],
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
