import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { hardenNoble, NOBLE_VERSION, PATCHED } from '../../../edge-agent/radio/harden-noble.ts';
import { loadNobleClasses } from '../../../edge-agent/radio/load-noble.ts';
import type { NobleClasses } from '../../../edge-agent/radio/noble-internals.ts';
import { createHeartStrap } from '../../../simulators/devices/heart-strap.ts';
import { openRadioWorld, until } from '../../support/radio-world.ts';

const strap = (n: number) =>
  createHeartStrap({ address: `F0:00:00:00:00:${String(n).padStart(2, '0')}`, name: 'HTEST strap', serial: `S-${n}` });

describe('noble', () => {
  it('is the version that the patches know, with every symbol that they touch', () => {
    const classes = loadNobleClasses();
    expect(classes.version).toBe(NOBLE_VERSION);
    for (const [name, symbols] of Object.entries(PATCHED)) {
      const { prototype } = classes[name as keyof typeof PATCHED] as unknown as { prototype: Record<string, unknown> };
      for (const symbol of symbols) expect(prototype[symbol]).toBeTypeOf('function');
    }
  });

  it('is refused when it is another', () => {
    const classes = loadNobleClasses();
    const other = (patch: object) => ({ ...classes, Hci: { prototype: {} }, ...patch }) as unknown as NobleClasses;
    expect(() => hardenNoble(other({ version: '1.9.2-27' }))).toThrow(NOBLE_VERSION);
    expect(() => hardenNoble(other({}))).toThrow('noble has no Hci.pollIsDevUp');
  });

  it('lives ten times in one process, each with its own air, and leaves no listener behind', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => void warnings.push(warning);
    process.on('warning', note);
    const before = [process.listenerCount('exit'), process.listenerCount('SIGINT')];
    const worlds = await Promise.all(
      Array.from({ length: 10 }, async (_, i) => {
        const device = strap(i);
        return { device, world: await openRadioWorld({ setUp: (air) => void air.add(device) }) };
      }),
    );
    await Promise.all(worlds.map(({ device }) => device.whenHeard()));
    await Promise.all(worlds.map(({ device }, i) => device.beat({ heartRate: 60 + i })));
    for (const [i, { device, world }] of worlds.entries()) {
      await until(() => world.heard(0x2a37).length === 1);
      expect(world.heard(0x2a37)[0]).toMatchObject({ device: device.address, value: expect.anything() });
      expect(world.heard(0x2a37)[0]?.value[1]).toBe(60 + i);
    }
    await Promise.all(worlds.map(({ world }) => world.close()));
    expect([process.listenerCount('exit'), process.listenerCount('SIGINT')]).toEqual(before);
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });

  it.each(['in process', 'unix socket'])('lets the process exit by itself once closed, %s', async (way) => {
    const script = fileURLToPath(new URL('../../support/radio-that-closes.ts', import.meta.url));
    const output = await new Promise<string>((resolve, reject) => {
      execFile(process.execPath, [script, way], { timeout: 10_000 }, (error, stdout) =>
        error ? reject(error) : resolve(stdout),
      );
    });
    const { closedMs, exitMs } = JSON.parse(output) as { closedMs: number; exitMs: number };
    expect(closedMs).toBeLessThan(1_000);
    expect(exitMs).toBeLessThan(1_000);
  });
});
