import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { openH4TcpTransport } from '../../../edge-agent/radio/h4-tcp.ts';
import { openH4UnixTransport } from '../../../edge-agent/radio/h4-unix.ts';
import { openHciSocketTransport } from '../../../edge-agent/radio/hci-socket-transport.ts';
import { serveH4 } from '../../../simulators/hci/h4-server.ts';
import { createSimClock } from '../../../simulators/hci/sim-clock.ts';
import { VirtualController } from '../../../simulators/hci/virtual-controller.ts';
import { openVirtualTransport } from '../../../simulators/hci/virtual-transport.ts';
import { describeHciTransport } from '../../contracts/hci-transport.ts';
import { Adapter } from '../../support/air-socket.ts';

describeHciTransport('virtual, in process', async () => {
  const clock = createSimClock(0);
  const controller = new VirtualController({ clock });
  const transport = openVirtualTransport(controller);
  return {
    transport,
    controller,
    clock,
    async outage() {
      transport.setPower(false);
      setTimeout(() => transport.setPower(true), 10);
    },
    close: () => transport.close(),
  };
});

describeHciTransport('H4 over a unix socket', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'h4-'));
  const path = join(folder, 'hci.sock');
  const clock = createSimClock(0);
  const controller = new VirtualController({ clock });
  let server = await serveH4({ controller, path });
  const transport = await openH4UnixTransport({ path, clock: { now: () => -1 } });
  return {
    transport,
    controller,
    clock,
    async outage() {
      await server.close();
      server = await serveH4({ controller, path });
      // Until the other end has noticed.
      await new Promise((resolve) => setTimeout(resolve, 20));
    },
    async close() {
      await transport.close();
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
});

describeHciTransport('H4 over TCP', async () => {
  const clock = createSimClock(0);
  const controller = new VirtualController({ clock });
  let server = await serveH4({ controller, port: 0 });
  const port = server.port!;
  const transport = await openH4TcpTransport({ host: '127.0.0.1', port, clock: { now: () => -1 } });
  return {
    transport,
    controller,
    clock,
    async outage() {
      await server.close();
      server = await serveH4({ controller, port });
      // Until the other end has noticed.
      await new Promise((resolve) => setTimeout(resolve, 20));
    },
    async close() {
      await transport.close();
      await server.close();
    },
  };
});

describe.each(['raw', 'user'] as const)('an adapter of this machine', (channel) => {
  describeHciTransport(`HCI socket, ${channel} channel`, async () => {
    const clock = createSimClock(0);
    const controller = new VirtualController({ clock });
    const adapter = new Adapter(controller);
    const transport = await openHciSocketTransport({
      createSocket: adapter.createSocket,
      clock: adapter.clock,
      channel,
      adapter: 0,
    });
    return {
      transport,
      controller,
      clock,
      async outage() {
        adapter.powered = false;
        // A user channel tells of it by what cannot be written.
        transport.write(Buffer.from([0x01, 0x09, 0x10, 0x00]));
        setTimeout(() => {
          adapter.powered = true;
        }, 10);
      },
      close: () => transport.close(),
    };
  });
});
