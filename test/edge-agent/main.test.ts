import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { encodeId } from '../../protocol/keys.ts';
import { createHeartStrap } from '../../simulators/devices/heart-strap.ts';
import { serveH4 } from '../../simulators/hci/h4-server.ts';
import { createSimClock } from '../../simulators/hci/sim-clock.ts';
import { VirtualController } from '../../simulators/hci/virtual-controller.ts';
import { makeFolder, NOON, STRAP, SUBJECT } from '../support/test-gateway.ts';
import { TestService } from '../support/test-service.ts';

const MAIN = fileURLToPath(new URL('../../edge-agent/main.ts', import.meta.url));

let service: TestService;
let folder: string;

beforeEach(async () => {
  service = await new TestService().start();
  folder = makeFolder();
});

afterEach(async () => {
  await service.stop();
  rmSync(folder, { recursive: true });
});

function run(args: readonly string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { text: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.text += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.text += text;
  });
  return { child, output };
}

it.each(['unix', 'tcp'])(
  'hears a strap on a controller of another process (%s), from enrolment to held readings, and stops within two seconds',
  async (way) => {
    const clock = createSimClock(NOON);
    const controller = new VirtualController({ clock, advertisingIntervalMs: 10 });
    const strap = controller.add(
      createHeartStrap({ address: STRAP, name: 'HTEST strap', serial: 'S-1', addressType: 'random' }),
    );
    const socket = join(folder, 'hci');
    const server = await serveH4({ controller, ...(way === 'tcp' ? { port: 0 } : { path: socket }) });
    service.codes.set('code', [{ address: STRAP, addressType: 'random', subject: encodeId(SUBJECT) }]);
    const args = [
      '--data',
      join(folder, 'agent'),
      '--service',
      service.url,
      '--code',
      'code',
      '--hci',
      way === 'tcp' ? `tcp://127.0.0.1:${server.port}` : `unix://${socket}`,
    ];
    const { child, output } = run([...args, '--batch-ms', '20', '--zone', 'UTC']);
    await strap.whenHeard();
    for (const heartRate of [61, 62, 63]) {
      clock.set(clock.now() + 1000);
      await strap.beat({ heartRate });
    }
    await vi.waitFor(() => expect(service.readings.filter(({ unit }) => unit === '/min').length).toBe(3), 10_000);
    const beats = service.readings.filter(({ unit }) => unit === '/min');
    expect(beats.map(({ heardAt, value }) => [heardAt - NOON, (value as { mantissa: number }).mantissa])).toEqual([
      [1000, 61],
      [2000, 62],
      [3000, 63],
    ]);
    // The controller brings its own time, so there is no uptime; and it is not real hardware.
    expect(beats[0]).not.toHaveProperty('uptimeMs');
    expect(service.batches.flatMap(({ leaves }) => leaves).every(({ test }) => test)).toBe(true);

    const started = performance.now();
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
    expect(performance.now() - started).toBeLessThan(2000);
    expect(output.text).toContain('"stopped"');
    expect(output.text).not.toContain(STRAP);
    await server.close();
  },
);

it('refuses a bad configuration with all its problems, and names what it cannot reach', async () => {
  const bad = run(['--service', 'x', '--hci', 'x']);
  const [[usage]] = await Promise.all([once(bad.child, 'close')]);
  expect(usage).toBe(2);
  expect(bad.output.text.trim().split('\n').length).toBe(4);
  for (const hci of [`unix://${join(folder, 'nobody')}`, 'tcp://127.0.0.1:1']) {
    const alone = run(['--data', folder, '--service', service.url, '--hci', hci]);
    const [code] = await once(alone.child, 'close');
    expect(code).toBe(1);
    expect(alone.output.text).toMatch(/^no Bluetooth controller answers at [^\n]*\n$/);
  }
});
