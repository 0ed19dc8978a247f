import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Fault } from '../../../simulators/hci/fault-kinds.ts';
import { applyFault } from '../../../simulators/hci/faults.ts';
import { VirtualPeripheral } from '../../../simulators/hci/virtual-peripheral.ts';
import { createRandom } from '../../../simulators/random.ts';
import { type HandHost, openHandHost } from '../../support/hand-host.ts';

const ADDRESS = 'f1:02:03:04:05:06';

/** 2A37 is at 0x0006, its configuration at 0x0007; 2A38 at 0x0009; 2A35 at 0x000b with 0x000c. */
const create = (address = ADDRESS) =>
  new VirtualPeripheral({
    address,
    name: 'HTEST',
    advertises: [0x180d],
    services: [
      {
        uuid: 0x180d,
        characteristics: [
          { uuid: 0x2a37, properties: ['notify'] },
          { uuid: 0x2a38, properties: ['read', 'write'], value: Uint8Array.of(1, 2, 3) },
          { uuid: 0x2a35, properties: ['indicate'] },
        ],
      },
    ],
    security: { identity: 'rotates' },
  });

let host: HandHost;
let device: VirtualPeripheral;
beforeEach(() => {
  host = openHandHost();
  device = host.controller.add(create());
});
afterEach(() => host.controller.reset());

const apply = (fault: Fault, seed = 1) => {
  return applyFault(fault, { controller: host.controller, device }, createRandom(seed));
};

async function subscribe() {
  await host.connect(ADDRESS);
  expect(await host.att('1207000100')).toEqual(['13']);
  expect(await host.att('120c000200')).toEqual(['13']);
  host.heard.length = 0;
}

/** Notifies values, one octet each, and gives the octets that come. */
async function notify(...values: number[]) {
  host.heard.length = 0;
  const sent = await Promise.all(values.map((value) => device.send(0x2a37, Uint8Array.of(value))));
  expect(sent.every(Boolean)).toBe(true);
  await host.settled();
  return host.atts().map((pdu) => {
    expect(pdu.slice(0, 6)).toBe('1b0600');
    return Number.parseInt(pdu.slice(6), 16);
  });
}

describe('faults of values', () => {
  it('send notifications late, and what is held at the end', async () => {
    await subscribe();
    const undo = apply({ kind: 'late-notifications', by: 2 });
    expect(await notify(1, 2, 3, 4)).toEqual([1, 2]);
    host.heard.length = 0;
    undo();
    await host.settled();
    expect(host.atts()).toEqual(['1b060003', '1b060004']);
    expect(await notify(5)).toEqual([5]);
  });

  it('send nothing late on a link that is not there any more', async () => {
    await subscribe();
    const undo = apply({ kind: 'late-notifications' });
    expect(await notify(1)).toEqual([]);
    device.disconnect();
    await host.connect(ADDRESS);
    host.heard.length = 0;
    undo();
    await host.settled();
    expect(host.atts()).toEqual([]);
  });

  it('double, reorder and lose notifications', async () => {
    await subscribe();
    const doubled = apply({ kind: 'doubled-notifications' });
    expect(await notify(1, 2)).toEqual([1, 1, 2, 2]);
    doubled();
    const reordered = apply({ kind: 'reordered-notifications' });
    expect(await notify(1, 2, 3, 4)).toEqual([2, 1, 4, 3]);
    reordered();
    const lost = apply({ kind: 'lost-notifications' });
    expect(await notify(1, 2)).toEqual([]);
    lost();
    apply({ kind: 'lost-notifications', probability: 0.5 });
    const some = await notify(...Array.from({ length: 40 }, (_, i) => i));
    expect(some.length).toBeGreaterThan(5);
    expect(some.length).toBeLessThan(35);
  });

  it('act one on the other', async () => {
    await subscribe();
    apply({ kind: 'doubled-notifications' });
    const undo = apply({ kind: 'late-notifications', by: 1 });
    expect(await notify(1, 2)).toEqual([1, 1, 2]);
    undo();
  });

  it('spoil values: cut short, too long, random; read ones too where told', async () => {
    await subscribe();
    const value = Uint8Array.of(0x16, 60, 1, 2);
    const heardWith = async (how: 'truncated' | 'trailing' | 'random') => {
      host.heard.length = 0;
      const undo = apply({ kind: 'malformed-values', how });
      await device.send(0x2a37, value);
      undo();
      await host.settled();
      return Buffer.from(host.atts()[0]!, 'hex').subarray(3);
    };
    const truncated = await heardWith('truncated');
    expect(truncated.length).toBeLessThan(4);
    expect([...truncated]).toEqual([...value.subarray(0, truncated.length)]);
    const trailing = await heardWith('trailing');
    expect(trailing.length).toBeGreaterThan(4);
    expect([...trailing.subarray(0, 4)]).toEqual([...value]);
    const random = await heardWith('random');
    expect(random.length).toBe(4);
    expect([...random]).not.toEqual([...value]);
    apply({ kind: 'malformed-values', how: 'trailing', reads: true });
    const [read] = await host.att('0a0900');
    expect(read!.startsWith('0b010203')).toBe(true);
    expect(read!.length).toBeGreaterThan(8);
  });

  it('slow packets down and keep their order', async () => {
    await subscribe();
    apply({ kind: 'latency', turns: 30 });
    let arrived = false;
    const sent = device.send(0x2a37, Uint8Array.of(1)).then(() => {
      arrived = true;
    });
    const second = device.send(0x2a37, Uint8Array.of(2));
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(arrived).toBe(false);
    await Promise.all([sent, second]);
    expect(host.atts()).toEqual(['1b060001', '1b060002']);
  });
});
