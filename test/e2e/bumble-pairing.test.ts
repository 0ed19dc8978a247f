/** Google Bumble judges our pairing, both ways round: LE legacy by a passkey, and the key of the bond on the next link; see docs/interop.md. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBondStore } from '../../edge-agent/radio/bond-store.ts';
import { openH4TcpTransport } from '../../edge-agent/radio/h4-tcp.ts';
import { PROFILES } from '../../edge-agent/radio/profiles.ts';
import { openRadio } from '../../edge-agent/radio/radio.ts';
import type { LinkChange, RadioNotification, SecurityChange } from '../../edge-agent/radio/radio-events.ts';
import { encodeHex } from '../../protocol/bytes.ts';
import { createHeartStrap } from '../../simulators/devices/heart-strap.ts';
import { serveH4 } from '../../simulators/hci/h4-server.ts';
import { createSimClock } from '../../simulators/hci/sim-clock.ts';
import { VirtualController } from '../../simulators/hci/virtual-controller.ts';
import { until } from '../support/until.ts';

const SCRIPTS = fileURLToPath(new URL('../interop/bumble/', import.meta.url));
const python = process.env.BUMBLE_PYTHON ?? 'python3';
const absent = spawnSync(python, ['-c', 'import bumble']).status !== 0;

let folder: string;
const children: ReturnType<typeof spawn>[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'veravita-bumble-'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a script of ours on Bumble, which prints JSON lines. */
function runPython(script: string, ...args: string[]) {
  const child = spawn(python, [join(SCRIPTS, script), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let text = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    errors += part;
  });
  const lines = (): Record<string, unknown>[] =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  /** The first line with this field. */
  const find = async (field: string, count = 1) => {
    const matching = () => lines().filter((line) => field in line);
    await until(`${field} of ${script}`, () => matching().length >= count || child.exitCode !== null, 60_000);
    if (matching().length < count) throw new Error(errors);
    return matching()[count - 1]!;
  };
  return { lines, find };
}

/** Our radio over Bumble's controller, with what it was told. */
async function listen(port: number, passkeyOf: () => Promise<number>) {
  const notes = { heard: [] as RadioNotification[], links: [] as LinkChange[], security: [] as SecurityChange[] };
  const radio = openRadio({
    transport: await openH4TcpTransport({ host: '127.0.0.1', port, clock: { now: Date.now } }),
    profiles: PROFILES,
    bonds: openBondStore(join(folder, 'bonds'), new Uint8Array(32)),
    policiesOf: () => ({ pairing: 'passkey', cccd: 'rewrite-on-connect' }),
    passkeyOf,
    wants: ({ localName }) => localName === 'HTEST Bumble',
    onDevice: () => undefined,
    onNotification: (notification) => void notes.heard.push(notification),
    onLink: (change) => void notes.links.push(change),
    onSecurity: (change) => void notes.security.push(change),
    uptime: () => performance.now(),
    random: () => 0.5,
    timings: { backoffMs: 50 },
  });
  return { radio, ...notes };
}

describe.skipIf(absent)('pairing with Bumble', () => {
  it('our radio enters the passkey that a Bumble peripheral shows, and comes back with the key of the bond', async () => {
    const peripheral = runPython('pairing_peripheral.py', '0648', '0649');
    const { port } = await peripheral.find('port');
    const { radio, heard, security } = await listen(
      port as number,
      async () => (await peripheral.find('passkey')).passkey as number,
    );
    await until('two links', () => heard.length >= 4, 20_000);
    await radio.close();
    expect(heard.slice(0, 4).map(({ connection, link, value }) => [connection, link, encodeHex(value)])).toEqual([
      [1, 'bonded', '0648'],
      [1, 'bonded', '0649'],
      [2, 'bonded', '0648'],
      [2, 'bonded', '0649'],
    ]);
    // Bumble has no identity key of its own and hands out one of all zeros.
    expect(security.slice(0, 3).map(({ what }) => what)).toEqual(['zero-irk', 'paired', 'encrypted']);
    const encryptions = peripheral.lines().filter((line) => 'encrypted' in line);
    expect(encryptions.slice(0, 2).map(({ encrypted }) => encrypted)).toEqual([true, true]);
    expect(peripheral.lines().filter((line) => 'passkey' in line)).toHaveLength(1);
  });

  it('a Bumble peripheral refuses our passkey when it is wrong', async () => {
    const peripheral = runPython('pairing_peripheral.py', '0648');
    const { port } = await peripheral.find('port');
    const { radio, links } = await listen(
      port as number,
      async () => (((await peripheral.find('passkey')).passkey as number) + 1) % 1_000_000,
    );
    const lost = () => links.filter(({ state }) => state === 'lost');
    await until('the refusal', () => lost().length > 0, 60_000);
    await radio.close();
    expect(lost()[0]).toMatchObject({ pairing: { failure: 'wrong-passkey', code: 4 } });
  });

  it.each([
    [
      271_828,
      [
        { encrypted: true, by: 'pair', authenticated: true, irk: 16 },
        { encrypted: true, by: 'encrypt', authenticated: true, irk: 16 },
      ],
    ],
    [314_159, [{ failed: 4 }]],
  ])('a Bumble central pairs with our wearable by %i', async (passkey, expected) => {
    const controller = new VirtualController({ clock: createSimClock(0), aclLength: 27 });
    controller.add(
      createHeartStrap({
        address: 'f0:00:00:00:01:01',
        name: 'HTEST strap',
        serial: 'S-1',
        security: { io: 'display', passkey: 271_828, identity: 'rotates' },
      }),
    );
    const server = await serveH4({ controller, port: 0 });
    const central = runPython(
      'pairing_central.py',
      `tcp-client:127.0.0.1:${server.port}`,
      'HTEST strap',
      String(passkey),
    );
    const last = expected.length;
    await central.find(last > 1 ? 'encrypted' : 'failed', last);
    expect(central.lines()).toEqual(expected);
    await server.close();
  });
});
