import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type H4Server, serveH4 } from '../../../simulators/hci/h4-server.ts';
import { createSimClock } from '../../../simulators/hci/sim-clock.ts';
import { VirtualController } from '../../../simulators/hci/virtual-controller.ts';
import { until } from '../../support/radio-world.ts';

const clock = createSimClock(0);
let folder: string;
let path: string;
let server: H4Server;
let controller: VirtualController;
const hosts: Socket[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'h4-'));
  path = join(folder, 'hci.sock');
  clock.set(0x0123_4567_89ab);
  controller = new VirtualController({ clock });
  server = await serveH4({ controller, path });
});
afterEach(async () => {
  for (const host of hosts.splice(0)) host.destroy();
  await server.close();
  rmSync(folder, { recursive: true });
});

async function attach() {
  const host = connect(path);
  hosts.push(host);
  const seen = { hex: '', closed: false };
  host.on('data', (chunk) => {
    seen.hex += chunk.toString('hex');
  });
  host.on('close', () => {
    seen.closed = true;
  });
  await once(host, 'connect');
  return { host, seen };
}

it('stamps what follows with a vendor event whenever the time has changed', async () => {
  const { host, seen } = await attach();
  host.write(Buffer.from('01030c00', 'hex'));
  // Type, vendor event, 9 octets, `V`, 64-bit little-endian milliseconds; then the answer.
  const stamped = '04ff0956' + 'ab89674523010000' + '040e0401030c00';
  await until(() => seen.hex.length >= stamped.length);
  expect(seen.hex).toBe(stamped);
  host.write(Buffer.from('01030c00', 'hex'));
  await until(() => seen.hex.length >= stamped.length + 14);
  expect(seen.hex).toBe(`${stamped}040e0401030c00`);
});

it('serves one host at a time, and the next one when it has gone', async () => {
  const first = await attach();
  first.host.write(Buffer.from('01030c00', 'hex'));
  await until(() => first.seen.hex !== '');
  const second = await attach();
  await until(() => second.seen.closed);
  first.host.destroy();
  await until(() => first.seen.closed);
  await new Promise((resolve) => setTimeout(resolve, 10));
  const third = await attach();
  third.host.write(Buffer.from('01030c00', 'hex'));
  await until(() => third.seen.hex.endsWith('040e0401030c00'));
});

it('listens on a port of this machine as well', async () => {
  const tcp = await serveH4({ controller, port: 0, host: '127.0.0.1' });
  const host = connect(tcp.port!, '127.0.0.1');
  hosts.push(host);
  let hex = '';
  host.on('data', (chunk) => {
    hex += chunk.toString('hex');
  });
  host.write(Buffer.from('01030c00', 'hex'));
  await until(() => hex.endsWith('040e0401030c00'));
  await expect(serveH4({ controller, port: tcp.port! })).rejects.toThrow('EADDRINUSE');
  await tcp.close();
  expect(server.port).toBeUndefined();
});

it('ends a host that is out of step', async () => {
  const { host, seen } = await attach();
  host.write(Buffer.from('99', 'hex'));
  await until(() => seen.closed);
});

it('is for this user only, replaces a socket that was left behind, and removes its own', async () => {
  expect(statSync(path).mode & 0o777).toBe(0o600);
  await server.close();
  expect(existsSync(path)).toBe(false);
  // What a killed process leaves: a socket file that nobody listens on.
  const left = createServer().listen(path);
  await once(left, 'listening');
  server = await serveH4({ controller, path });
  await attach();
  left.close();
});
