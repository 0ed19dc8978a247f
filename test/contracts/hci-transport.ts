/** The contract of `edge-agent/radio/hci-transport.ts` as a suite: every engine passes all of it. */
import { afterEach, describe, expect, it } from 'vitest';
import type { HciTransport } from '../../edge-agent/radio/hci-transport.ts';
import type { SimClock } from '../../simulators/hci/sim-clock.ts';
import type { VirtualController } from '../../simulators/hci/virtual-controller.ts';
import { until } from '../support/radio-world.ts';

export interface TransportBench {
  readonly transport: HciTransport;
  /** The controller at the other end, and the clock that stamps what it says. */
  readonly controller: VirtualController;
  readonly clock: SimClock;
  /** Makes the controller vanish and come back. */
  outage(): Promise<void>;
  close(): Promise<void>;
}

const READ_BD_ADDR = Buffer.from([0x01, 0x09, 0x10, 0x00]);
const READ_LOCAL_VERSION = Buffer.from([0x01, 0x01, 0x10, 0x00]);
/** An event that means nothing, with one octet to tell it by. */
const event = (octet: number) => Buffer.from([0x04, 0x3e, 0x01, octet]);

export function describeHciTransport(name: string, open: () => Promise<TransportBench>): void {
  describe(`HciTransport, ${name}`, () => {
    let bench: TransportBench | undefined;
    afterEach(async () => {
      await bench?.close();
      bench = undefined;
    });

    async function start(): Promise<TransportBench & { packets: Buffer[] }> {
      bench = await open();
      const packets: Buffer[] = [];
      bench.transport.on('data', (packet: Buffer) => packets.push(packet));
      bench.transport.on('error', () => undefined);
      bench.transport.bindRaw(0);
      bench.transport.setFilter(Buffer.alloc(16));
      bench.transport.start();
      return { ...bench, packets };
    }

    it('is handed out open', async () => {
      const { transport } = await start();
      expect(transport.isDevUp()).toBe(true);
      expect(transport.getDeviceList()).toEqual([{ devId: 0, devUp: true }]);
    });

    it('answers commands in order, one packet per event, never inside write', async () => {
      const { transport, packets } = await start();
      for (let i = 0; i < 20; i++) transport.write(i % 2 === 0 ? READ_BD_ADDR : READ_LOCAL_VERSION);
      expect(packets).toEqual([]);
      await until(() => packets.length === 20);
      const opcodes = packets.map((packet) => packet.readUInt16LE(4));
      expect(opcodes).toEqual(Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 0x1009 : 0x1001)));
      for (const packet of packets) expect(packet.length).toBe(3 + packet.readUInt8(2));
    });

    it('hands nothing over while it is stopped, and goes on when started again', async () => {
      const { transport, controller, packets } = await start();
      transport.stop();
      controller.sendToHost(event(1));
      await new Promise((resolve) => setTimeout(resolve, 20));
      transport.start();
      controller.sendToHost(event(2));
      await until(() => packets.length > 0);
      expect(packets).toEqual([event(2)]);
    });

    it('shows the time of each packet while it is handled', async () => {
      const { transport, controller, clock } = await start();
      const seen: number[] = [];
      transport.on('data', () => seen.push(transport.clock.now()));
      const instants = [1_000, 5_000, 5_000, 4_000, 1_717_200_000_123];
      for (const instant of instants) {
        clock.set(instant);
        controller.sendToHost(event(0));
      }
      await until(() => seen.length === instants.length);
      expect(seen).toEqual(instants);
    });

    it('keeps up with the time between packets', async () => {
      const { transport, clock } = await start();
      clock.set(77_000);
      await until(() => transport.clock.now() === 77_000);
    });

    it('shows an outage at least once, however short, and recovers', async () => {
      const { transport, packets, outage } = await start();
      await outage();
      expect(transport.isDevUp()).toBe(false);
      await until(() => transport.isDevUp());
      transport.write(READ_BD_ADDR);
      await until(() => packets.length > 0);
    });

    it('never throws on write, and emits nothing after close', async () => {
      const { transport, controller, packets } = await start();
      transport.write(Buffer.alloc(0));
      transport.write(Buffer.from([0x02]));
      await transport.close();
      await transport.close();
      controller.sendToHost(event(1));
      transport.write(READ_BD_ADDR);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(packets).toEqual([]);
    });
  });
}
