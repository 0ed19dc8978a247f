import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openH4UnixTransport } from '../../edge-agent/radio/h4-unix.ts';
import { PROFILES } from '../../edge-agent/radio/profiles.ts';
import { openRadio } from '../../edge-agent/radio/radio.ts';
import type { TruthLine } from '../../simulators/scenarios/truth.ts';
import { readRunCommand } from '../../simulators/simulate-run.ts';
import { until } from '../support/until.ts';

const MAIN = fileURLToPath(new URL('../../simulators/simulate-main.ts', import.meta.url));
const SCENARIO = {
  title: 'Two minutes',
  seed: 7,
  startAt: '2026-03-02T07:00:00Z',
  hours: 2 / 60,
  persons: [{ id: 'ada' }, { id: 'ben' }],
  homes: [
    { id: 'home-1', persons: ['ada'] },
    { id: 'home-2', persons: ['ben'] },
  ],
  wearables: [
    { id: 'strap-1', kind: 'strap', person: 'ada', everyS: 2 },
    { id: 'strap-2', kind: 'strap', person: 'ben', everyS: 2 },
  ],
};

let folder: string;
const at = (name: string) => join(folder, name);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'run-'));
  writeFileSync(at('two.json'), JSON.stringify(SCENARIO));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function run(...args: string[]) {
  const child = spawn(process.execPath, [MAIN, 'run', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.err += text;
  });
  return { child, output, ended: once(child, 'close') };
}

const truthOf = (name: string) =>
  readFileSync(at(name), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as TruthLine);

async function hear(path: string) {
  const heard: string[] = [];
  const radio = openRadio({
    transport: await openH4UnixTransport({ path, clock: { now: () => 0 } }),
    profiles: PROFILES,
    wants: () => true,
    onDevice: () => undefined,
    onNotification({ characteristic, value }) {
      if (characteristic === 0x2a37) heard.push(Buffer.from(value).toString('hex'));
      return undefined;
    },
    onLink: () => undefined,
    uptime: () => performance.now(),
    random: () => 0.5,
  });
  return { heard, radio };
}

describe('npm run simulate -- run', () => {
  it('serves each home at a place of its own, and writes the truth of what hosts hear', async () => {
    const { output, ended } = run(at('two.json'), 'serve', `unix://${at('air')}`, '--truth', at('truth.ndjson'));
    await until('it listens', () => output.out.includes('Ctrl-C stops'));
    const homes = await Promise.all([hear(at('air-home-1')), hear(at('air-home-2'))]);
    expect((await ended)[0]).toBe(0);
    expect(output.out).toMatch(/^120 measurements \(120 delivered\), 0 faults\.$/m);
    const lines = truthOf('truth.ndjson');
    for (const [i, { heard, radio }] of homes.entries()) {
      const told = lines.flatMap((line) =>
        line.line === 'measured' && line.home === `home-${i + 1}` ? line.raw.map(({ hex }) => hex) : [],
      );
      await until('all of it is heard', () => heard.length === told.length);
      expect(heard).toEqual(told);
      await radio.close();
    }
    expect(statSync(at('truth.ndjson')).mode & 0o777).toBe(0o600);
    expect(existsSync(at('air-home-1'))).toBe(false);
  });

  it('tells the truth to nobody but a file, which it does not write over', async () => {
    const first = run(at('two.json'), '--truth', at('truth.ndjson'));
    expect((await first.ended)[0]).toBe(0);
    expect(first.output.out).toMatch(/^120 measurements \(120 unheard\), 0 faults\.$/m);
    expect(truthOf('truth.ndjson')).toHaveLength(240);
    const again = run(at('two.json'), '--truth', at('truth.ndjson'));
    expect((await again.ended)[0]).toBe(1);
    expect(again.output.err).toBe('simulate: that file is there already; name another\n');
  });

  it('runs at a speed, until it is stopped', async () => {
    const { child, output, ended } = run(at('two.json'), '--truth', at('truth.ndjson'), '--speed', '10');
    await until(
      'something is measured',
      () => (statSync(at('truth.ndjson'), { throwIfNoEntry: false })?.size ?? 0) > 0,
    );
    child.kill('SIGINT');
    expect((await ended)[0]).toBe(0);
    const measured = Number(/^(\d+) measurements/m.exec(output.out)?.[1]);
    expect(measured).toBeGreaterThan(0);
    expect(measured).toBeLessThan(120);
  });

  it('plays it to agents and a service, and compares the record with the truth', async () => {
    const { output, ended } = run(at('two.json'), '--road', at('road'), '--hours', '0.025');
    expect((await ended)[0], output.err).toBe(0);
    expect(output.out).toMatch(/^all +2 +90 +90 +90 +0 +0 +0 +0 +0 +0 s /m);
    expect(output.out).toMatch(/^The record is what the wearables sent\./m);
    expect(readFileSync(at('road/audit.ndjson'), 'utf8').trimEnd().split('\n')).toHaveLength(90);
    expect(output.out).toMatch(/^0 readings not in the log; /m);
    const again = run(at('two.json'), '--road', at('road'));
    expect((await again.ended)[0]).toBe(1);
    expect(again.output.err).toBe('simulate: the directory of --road has something in it; name another\n');
  });

  it('refuses a scenario with all that is wrong, and tells how to be called', async () => {
    writeFileSync(at('bad.json'), JSON.stringify({ ...SCENARIO, seed: 'x', hours: -1 }));
    writeFileSync(at('no.json'), '{');
    const [bad, no, absent, help] = [run(at('bad.json')), run(at('no.json')), run(at('absent.json')), run('--help')];
    expect((await bad.ended)[0]).toBe(2);
    expect(bad.output.err).toMatch(/^simulate: seed: [^\n]+\nsimulate: hours: [^\n]+\n$/);
    expect((await no.ended)[0]).toBe(2);
    expect(no.output.err).toBe('simulate: scenario: is not JSON\n');
    expect((await absent.ended)[0]).toBe(1);
    expect(absent.output.err).toBe('simulate: there is no such file or folder\n');
    expect((await help.ended)[0]).toBe(0);
    expect(help.output.out).toMatch(/^Usage: npm run simulate -- run/);
  });

  it.each([
    [[]],
    [['a', 'b']],
    [['a', 'serve']],
    [['a', 'serve', 'tcp://192.168.1.1:9001']],
    [['a', 'serve', 'unix:///a', 'more']],
    [['a', '--speed', '0']],
    [['a', '--frobnicate']],
    [['a', '--hours', '0']],
    [['a', 'serve', 'unix:///a', '--road', 'b']],
  ])('refuses %j in one line', (args) => {
    const command = readRunCommand(args);
    expect(command.kind === 'refused' && command.problems.join('\n')).toMatch(/^[^\n]{10,120}$/);
  });
});
