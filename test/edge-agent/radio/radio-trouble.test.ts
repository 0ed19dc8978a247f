import { afterEach, describe, expect, it } from 'vitest';
import { createHeartStrap, type HeartStrap } from '../../../simulators/devices/heart-strap.ts';
import { CID_ATT, CID_SIGNALING, CID_SMP, encodeAcl } from '../../../simulators/hci/hci-packets.ts';
import { openRadioWorld, type RadioWorld, type RadioWorldOptions, until } from '../../support/radio-world.ts';

let world: RadioWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

async function open(options: RadioWorldOptions): Promise<RadioWorld> {
  world = await openRadioWorld(options);
  return world;
}

function strapAt(n: number): HeartStrap {
  const octet = n.toString(16).padStart(2, '0');
  return createHeartStrap({ address: `F0:00:00:00:01:${octet}`, name: `HTEST strap ${n}`, serial: `S-${n}` });
}

describe('radio in trouble', () => {
  it('leaves alone what is not wanted and keeps no trace of it', async () => {
    const wanted = strapAt(1);
    const other = strapAt(2);
    const { links, controller } = await open({
      setUp: (air) => [wanted, other].forEach((device) => void air.add(device)),
      wants: ({ localName, serviceUuids, address, addressType, rssi }) => {
        expect([serviceUuids, addressType, rssi, address.length]).toEqual([[0x180d], 'random', -60, 17]);
        return localName === 'HTEST strap 1';
      },
    });
    await wanted.whenHeard();
    expect(other.connected).toBe(false);
    expect(new Set(links.map(({ device }) => device))).toEqual(new Set([wanted.address]));
    expect(controller.linkCount).toBe(1);
  });

  it('gives up on a device that has gone, and serves the next', async () => {
    const absent = strapAt(1);
    const present = strapAt(2);
    let mayLeave = true;
    const { links } = await open({
      setUp: (air) => [absent, present].forEach((device) => void air.add(device)),
      // Gone the moment it was heard.
      wants({ address }) {
        if (address === absent.address && mayLeave) absent.leaveRange();
        return true;
      },
      timings: { connectTimeoutMs: 50 },
    });
    await present.whenHeard();
    expect(links.find(({ state, device }) => state === 'lost' && device === absent.address)?.reason).toBe(
      'connect: timeout',
    );
    mayLeave = false;
    absent.enterRange();
    await absent.whenHeard();
  });

  it('closes in the middle of a connection attempt', async () => {
    const absent = strapAt(1);
    const { links, radio } = await open({
      setUp: (air) => void air.add(absent),
      wants() {
        absent.leaveRange();
        return true;
      },
      timings: { connectTimeoutMs: 20_000 },
    });
    await until(() => links.at(-1)?.state === 'connecting');
    const start = performance.now();
    await radio.close();
    expect(performance.now() - start).toBeLessThan(1_000);
    await until(() => links.at(-1)?.state === 'lost');
  });

  it('survives any octets of a device', async () => {
    const strap = strapAt(1);
    // Octets that look like an answer leave the radio waiting for the true one.
    const { controller, heard, events } = await open({
      setUp: (air) => void air.add(strap),
      timings: { operationTimeoutMs: 500 },
    });
    await strap.whenHeard();
    let seed = 20240601;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 16) % below;
    };
    for (let round = 0; round < 600; round++) {
      const handle = controller.handleOf(strap);
      if (handle === undefined) await strap.whenHeard();
      else {
        const octets = Uint8Array.from({ length: random(30) }, () => random(256));
        // Most often a response, an error, a notification or an indication.
        if (octets.length > 0 && random(4) > 0)
          octets[0] = [0x01, 0x03, 0x05, 0x09, 0x0b, 0x11, 0x1b, 0x1d][random(8)]!;
        const packets = encodeAcl(handle, [CID_ATT, CID_ATT, CID_SIGNALING, CID_SMP][random(4)]!, octets, 27);
        await new Promise((resolve) => controller.sendToHost(packets[0]!, resolve));
      }
    }
    await strap.whenHeard();
    // What was random may have ended the link once more.
    await until(() => {
      void strap.beat({ heartRate: 222 });
      return heard(0x2a37).some(({ value }) => value[1] === 222);
    });
    expect(events).toContain('malformed-packet');
  });

  it('drops a device that does not answer, and tries again', async () => {
    const strap = strapAt(1);
    let silent = true;
    strap.misbehave = () => (silent ? 'silence' : undefined);
    const { links } = await open({ setUp: (air) => void air.add(strap), timings: { operationTimeoutMs: 50 } });
    await until(() => links.some(({ state }) => state === 'lost'));
    silent = false;
    await strap.whenHeard();
    expect(links.find(({ state }) => state === 'lost')?.reason).toBe('discover services: timeout');
  });

  it('passes over what a device refuses to say', async () => {
    const strap = strapAt(1);
    const serial = strap.database.handleOf(0x2a25);
    strap.misbehave = (request) => (request[0] === 0x0a && request[1] === serial ? { error: 0x02 } : undefined);
    const { devices, events } = await open({ setUp: (air) => void air.add(strap) });
    await until(() => devices.length === 1);
    expect(devices[0]).toMatchObject({ model: 'Strap', firmware: '1.0.0' });
    expect(devices[0]).not.toHaveProperty('serial');
    expect(events).toContain('operation-refused');
  });

  it('starts a scan anew that has gone quiet', async () => {
    const strap = strapAt(1);
    const { controller, events } = await open({ timings: { scanWatchdogMs: 40 } });
    await until(() => controller.commandsSeen.has(0x200c) && events.includes('adapter-on'));
    controller.scanner.stop();
    controller.add(strap);
    await strap.whenHeard();
    expect(events).toContain('scan-restarted');
  });

  it('comes back when the adapter does', async () => {
    const strap = strapAt(1);
    const { links, transport, events } = await open({ setUp: (air) => void air.add(strap) });
    await strap.whenHeard();
    (transport as unknown as { setPower(on: boolean): void }).setPower(false);
    await until(() => links.at(-1)?.state === 'lost');
    (transport as unknown as { setPower(on: boolean): void }).setPower(true);
    await strap.whenHeard();
    await until(() => links.at(-1)?.state === 'subscribed');
    expect(events.filter((event) => event.startsWith('adapter'))).toEqual(['adapter-on', 'adapter-off', 'adapter-on']);
  });
});
