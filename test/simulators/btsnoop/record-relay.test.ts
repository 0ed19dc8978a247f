import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { openH4UnixTransport } from '../../../edge-agent/radio/h4-unix.ts';
import type { CaptureRecord } from '../../../simulators/btsnoop/btsnoop-file.ts';
import { relayRecorded } from '../../../simulators/btsnoop/record-relay.ts';
import { serveH4 } from '../../../simulators/hci/h4-server.ts';
import { createSimClock } from '../../../simulators/hci/sim-clock.ts';
import { VirtualController } from '../../../simulators/hci/virtual-controller.ts';
import { until } from '../../support/radio-world.ts';

describe('relayRecorded', () => {
  it('lets a host and a controller talk, and records both at simulated time', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'relay-'));
    const clock = createSimClock(1_717_200_000_000);
    const controller = new VirtualController({ clock });
    const server = await serveH4({ controller, path: join(folder, 'controller') });
    const records: CaptureRecord[] = [];
    let ended: Promise<string> | undefined;
    const relay = createServer((host) => {
      const far = createConnection({ path: join(folder, 'controller') });
      ended = relayRecorded({ host, controller: far, clock: { now: () => 5 }, onRecord: (one) => records.push(one) });
    });
    await new Promise<void>((resolve) => relay.listen(join(folder, 'host'), resolve));

    const transport = await openH4UnixTransport({ path: join(folder, 'host'), clock: { now: () => 0 } });
    const packets: Buffer[] = [];
    transport.on('data', (packet: Buffer) => packets.push(packet));
    transport.start();
    await until(() => transport.clock.now() === clock.now());
    clock.set(1_717_200_001_000);
    transport.write(Buffer.from([0x01, 0x09, 0x10, 0x00]));
    await until(() => packets.length === 1);
    expect(packets[0]!.readUInt16LE(4)).toBe(0x1009);
    expect(records.map(({ direction, packet }) => `${direction} ${packet[0]}`)).toEqual([
      ...['sent 1', 'received 4'], // the reset
      ...['sent 1', 'received 4'],
    ]);
    expect(records[3]).toMatchObject({ atUs: 1_717_200_001_000_000, packet: new Uint8Array(packets[0]!) });

    await transport.close();
    expect(await ended).toBe('ended');
    await new Promise((resolve) => relay.close(resolve));
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('takes packets from octets as they come, and ends what is not H4', async () => {
    const [host, controller] = [0, 1].map(() => new Duplex({ read: () => undefined, write: (_c, _e, done) => done() }));
    const records: CaptureRecord[] = [];
    const clock = { now: () => 7 };
    const ended = relayRecorded({ host: host!, controller: controller!, clock, onRecord: (one) => records.push(one) });
    for (const octet of [0x01, 0x03, 0x0c, 0x00]) host!.push(Buffer.from([octet]));
    await until(() => records.length === 1);
    expect(records).toEqual([{ atUs: 7000, direction: 'sent', packet: Uint8Array.of(1, 3, 12, 0), cut: false }]);
    controller!.push(Buffer.from('HTTP/1.1'));
    expect(await ended).toBe('not-h4');
    expect(host!.destroyed && controller!.destroyed).toBe(true);
  });
});
