import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Fault } from '../../../simulators/hci/fault-kinds.ts';
import { applyFault } from '../../../simulators/hci/faults.ts';
import { VirtualPeripheral } from '../../../simulators/hci/virtual-peripheral.ts';
import { openVirtualTransport } from '../../../simulators/hci/virtual-transport.ts';
import { createRandom } from '../../../simulators/random.ts';
import { type HandHost, openHandHost } from '../../support/hand-host.ts';

const ADDRESS = 'f1:02:03:04:05:06';
const ON_WIRE = '0605040302f1';
const SCAN = '010c20020100';

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

describe('faults of links', () => {
  it('fail a connection after it was complete and before any data', async () => {
    apply({ kind: 'establishment-failure', times: 2 });
    for (const handle of ['4100', '4200']) {
      const [status, complete, ended, ...rest] = await host.connect(ADDRESS);
      expect(status).toBe('040f0400010d20');
      expect(complete).toContain(`043e130100${handle}`);
      expect([ended, ...rest]).toEqual([`040504${'00'}${handle}3e`]);
    }
    await host.connect(ADDRESS);
    expect(device.connected).toBe(true);
  });

  it('take a device out of range, and bring it back', async () => {
    await host.connect(ADDRESS);
    host.heard.length = 0;
    const undo = apply({ kind: 'supervision-timeout' });
    await host.settled();
    expect(host.heard).toEqual(['040504' + '00' + '4100' + '08']);
    await host.connect(ADDRESS);
    expect(device.connected).toBe(false);
    undo();
    expect(device.connected).toBe(true);
  });

  it('drop a link at one of its packets, which is lost', async () => {
    apply({ kind: 'drop-at-packet', packet: 3, reason: 0x22 });
    await host.connect(ADDRESS);
    expect(await host.att('0a0900')).toEqual(['0b010203']);
    expect(await host.att('0a0900')).toEqual([]);
    expect(host.heard).toEqual(['040504' + '00' + '4100' + '22']);
    await host.connect(ADDRESS);
    for (let i = 0; i < 3; i++) expect(await host.att('0a0900', 0x42)).toEqual(['0b010203']);
  });

  it('drop one at a packet of the device, which then knows that it is not sent', async () => {
    await subscribe();
    apply({ kind: 'drop-at-packet', packet: 1 });
    expect(await device.send(0x2a37, Uint8Array.of(1))).toBe(false);
    await host.settled();
    expect(host.heard).toEqual(['040504' + '00' + '4100' + '08']);
  });
});

describe('faults of requests', () => {
  it('refuse with an ATT error by opcode, handle and number', async () => {
    await host.connect(ADDRESS);
    const undo = apply({ kind: 'att-error', code: 0x0e, opcode: 0x0a, handle: 9, times: 2 });
    expect(await host.att('0a0300')).toEqual(['0b' + '4854455354']);
    for (let i = 0; i < 2; i++) expect(await host.att('0a0900')).toEqual(['01' + '0a' + '0900' + '0e']);
    expect(await host.att('0a0900')).toEqual(['0b010203']);
    undo();
    apply({ kind: 'att-error', code: 0x11 })();
    expect(await host.att('0a0900')).toEqual(['0b010203']);
  });

  it('strike by chance, the same for the same seed', async () => {
    await host.connect(ADDRESS);
    const run = async () => {
      const undo = apply({ kind: 'att-error', code: 0x0e, probability: 0.5 }, 7);
      const outcomes: boolean[] = [];
      for (let i = 0; i < 20; i++) outcomes.push((await host.att('0a0900'))[0] === '0b010203');
      undo();
      return outcomes;
    };
    const first = await run();
    expect(new Set(first).size).toBe(2);
    expect(await run()).toEqual(first);
  });

  it('leave requests without an answer, and writes without effect', async () => {
    await host.connect(ADDRESS);
    const undo = apply({ kind: 'no-answer', opcode: 0x12 });
    expect(await host.att('120900ff')).toEqual([]);
    undo();
    expect(await host.att('0a0900')).toEqual(['0b010203']);
  });

  it('take the configuration out of the attribute table, of one or of all', async () => {
    await host.connect(ADDRESS);
    const undo = apply({ kind: 'missing-cccd', characteristic: 0x2a37 });
    expect(await host.att('0407000700')).toEqual(['01' + '04' + '0700' + '0a']);
    expect(await host.att('1207000100')).toEqual(['01' + '12' + '0700' + '01']);
    expect(await host.att('120c000200')).toEqual(['13']);
    const undoAll = apply({ kind: 'missing-cccd' });
    expect(await host.att('120c000200')).toEqual(['01' + '12' + '0c00' + '01']);
    undoAll();
    undo();
    expect(await host.att('0407000700')).toEqual(['0501' + '0700' + '0229']);
  });
});

describe('faults of devices and controllers', () => {
  it('offer another MTU', async () => {
    const undo = apply({ kind: 'mtu' });
    await host.connect(ADDRESS);
    expect(await host.att('020502')).toEqual(['030502']);
    expect(device.mtu).toBe(517);
    undo();
    expect(device.maxMtu).toBe(247);
  });

  it('cut packets to 27 octets', async () => {
    await host.connect(ADDRESS);
    await host.att('02f700');
    await host.att('1207000100');
    const undo = apply({ kind: 'fragmentation' });
    host.heard.length = 0;
    await device.send(0x2a37, new Uint8Array(40));
    await host.settled();
    // First fragment with 27 octets, continuing one with 20: 4 + 3 + 40 in all.
    expect(host.heard.map((packet) => packet.slice(0, 10))).toEqual(['0241201b00', '0241101400']);
    undo();
    expect(host.controller.aclLength).toBe(251);
  });

  it('give the device another address at once, or where its link ends', async () => {
    apply({ kind: 'address-rotation' });
    const second = device.address;
    expect(second).not.toBe(ADDRESS);
    await host.connect(second);
    apply({ kind: 'address-rotation' });
    expect(device.address).toBe(second);
    device.disconnect();
    expect(device.address).not.toBe(second);
  });

  it('take the power from an adapter', async () => {
    await host.connect(ADDRESS);
    const transport = openVirtualTransport(host.controller);
    const undo = applyFault({ kind: 'adapter-off' }, { controller: host.controller, transport }, createRandom(1));
    expect(transport.isDevUp()).toBe(false);
    expect(device.connected).toBe(false);
    undo();
    expect(transport.isDevUp()).toBe(true);
    await transport.close();
  });

  it('silence a scan until it is started anew, or for good', async () => {
    const reports = () => host.heard.filter((packet) => packet.startsWith('043e') && packet.slice(6, 8) === '02');
    const undo = apply({ kind: 'scan-silence', afterReports: 1 });
    await host.ask(SCAN);
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(reports()).toHaveLength(1);
    await host.ask(SCAN);
    expect(reports().length).toBeGreaterThanOrEqual(2);
    undo();
    const silence = apply({ kind: 'scan-silence', evenRestarted: true });
    await host.ask(SCAN);
    expect(reports()).toEqual([]);
    silence();
    await host.ask(SCAN);
    expect(reports().length).toBeGreaterThanOrEqual(2);
  });

  it('put a twin beside a device, with the same name and services', async () => {
    const undo = apply({ kind: 'spoofed-twin', address: 'f1:02:03:04:05:07' });
    const packets = await host.ask(SCAN);
    host.controller.scanner.stop();
    const tail = (address: string) =>
      packets.filter((p) => p.includes(address)).map((p) => p.slice(p.indexOf(address) + 12));
    expect(tail('0705040302f1').length).toBeGreaterThanOrEqual(2);
    expect(tail('0705040302f1').slice(0, 2)).toEqual(tail(ON_WIRE).slice(0, 2));
    await host.connect('f1:02:03:04:05:07');
    expect(await host.att('0a0900')).toEqual(['0b010203']);
    expect(device.connected).toBe(false);
    host.heard.length = 0;
    undo();
    await host.settled();
    expect(host.heard).toEqual(['040504' + '00' + '4100' + '08']);
  });

  it('put a twin in the place of a device', async () => {
    const undo = apply({ kind: 'spoofed-twin' });
    await host.connect(ADDRESS);
    expect(device.connected).toBe(false);
    expect(await host.att('120900aa')).toEqual(['13']);
    undo();
    await host.connect(ADDRESS);
    expect(device.connected).toBe(true);
    expect(await host.att('0a0900', 0x42)).toEqual(['0b010203']);
  });

  it('withhold credits, until there were so many or until undone', async () => {
    const completed: number[] = [];
    await host.connect(ADDRESS);
    const undo = apply({ kind: 'credits-exhausted' });
    host.controller.interceptions.add({
      toHost(packet, pass) {
        if (packet[1] === 0x13) completed.push(packet.readUInt16LE(4));
        pass(packet);
      },
    });
    await host.att('0a0900');
    await host.att('0a0900');
    expect(completed).toEqual([]);
    undo();
    expect(completed).toEqual([0x41, 0x41]);
    await host.att('0a0900');
    expect(completed).toHaveLength(3);
  });

  it('complete together what was withheld so often', async () => {
    await host.connect(ADDRESS);
    apply({ kind: 'credits-exhausted', packets: 2 });
    let completed = 0;
    host.controller.interceptions.add({
      toHost(packet, pass) {
        if (packet[1] === 0x13) completed++;
        pass(packet);
      },
    });
    await host.att('0a0900');
    expect(completed).toBe(0);
    await host.att('0a0900');
    expect(completed).toBe(2);
    await host.att('0a0900');
    expect(completed).toBe(3);
  });

  it('need what they befall', () => {
    const on = { controller: host.controller };
    for (const kind of ['supervision-timeout', 'lost-keys', 'adapter-off', 'mtu', 'spoofed-twin'] as const) {
      expect(() => applyFault({ kind }, on, createRandom(1)), kind).toThrow(RangeError);
    }
  });
});
