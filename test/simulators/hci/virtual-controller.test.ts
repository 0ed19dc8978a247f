import { afterEach, describe, expect, it } from 'vitest';
import { createSimClock } from '../../../simulators/hci/sim-clock.ts';
import { type ControllerOptions, VirtualController } from '../../../simulators/hci/virtual-controller.ts';
import { VirtualPeripheral } from '../../../simulators/hci/virtual-peripheral.ts';
import { until } from '../../support/radio-world.ts';

/** Packets by hand, as the Core specification lays them out, so that no code of ours is on both ends. */
const device = () =>
  new VirtualPeripheral({
    address: 'F1:02:03:04:05:06',
    name: 'HTEST',
    advertises: [0x180d],
    services: [
      {
        uuid: 0x180d,
        characteristics: [
          { uuid: 0x2a37, properties: ['notify'] },
          { uuid: 0x2a38, properties: ['read', 'write'], value: Uint8Array.of(1) },
        ],
      },
      {
        uuid: '00001234-5678-9abc-def0-00112233aabb',
        characteristics: [{ uuid: 0x2a35, properties: ['indicate'], secure: true }],
      },
    ],
  });

const SCAN = '010c200201' + '00';
const CONNECT =
  '010d2019' + '60003000' + '00' + '01' + '0605040302f1' + '00' + '18002800' + '0000' + '2a00' + '00000000';
const CANCEL = '010e2000';

let controller: VirtualController;
afterEach(() => controller.reset());

function host(options: Partial<ControllerOptions> = {}) {
  controller = new VirtualController({ clock: createSimClock(0), advertisingIntervalMs: 5, ...options });
  const heard: string[] = [];
  controller.attach((packet) => {
    heard.push(packet.toString('hex'));
    return undefined;
  });
  const send = (hex: string) => controller.receive(Buffer.from(hex, 'hex'));
  /** Sends and gives what came back until it has gone quiet. */
  const ask = async (hex: string) => {
    heard.length = 0;
    send(hex);
    await settled();
    return heard.filter((packet) => !packet.startsWith('0413'));
  };
  const settled = async () => {
    for (let before = -1; before !== heard.length; ) {
      before = heard.length;
      for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  /** An ATT request on the first link, and the ATT part of the answer. */
  const att = async (pdu: string) => {
    const length = pdu.length / 2;
    const hex = (n: number) => Buffer.from([n, 0]).toString('hex');
    const answers = await ask(`024100${hex(length + 4)}${hex(length)}0400${pdu}`);
    return answers.map((packet) => packet.slice(18));
  };
  return { heard, send, ask, att };
}

describe('virtual controller', () => {
  it('answers the commands of a host that starts', async () => {
    const { ask } = host({ address: 'C0:FF:EE:00:00:07', aclLength: 27, aclCount: 3 });
    expect(await ask('01030c00')).toEqual(['040e0401030c00']);
    // HCI version at least 4.0 (0x06), or hosts take it for a controller without LE.
    expect(await ask('01011000')).toEqual(['040e0c01011000' + '0b00000bffff0000']);
    expect(await ask('01091000')).toEqual(['040e0a01091000' + '070000eeffc0']);
    expect(await ask('01022000')).toEqual(['040e0701022000' + '1b0003']);
    expect(await ask('010f2000')).toEqual(['040e05010f2000' + '00']);
    // Accepted; unknown; cut short.
    expect(await ask('01010c08ffffffffffffff3f')).toEqual(['040e0401010c00']);
    expect(await ask('01efbe00')).toEqual(['040e0401efbe01']);
    expect(await ask('010d200100')).toEqual(['040e04010d2012']);
  });

  it('says which commands and features it has, so that a host asks for no others', async () => {
    const { ask } = host();
    const [answer = ''] = await ask('01021000');
    expect(answer.slice(0, 14)).toBe('040e4401021000');
    const octets = Buffer.from(answer.slice(14), 'hex');
    expect(octets.length).toBe(64);
    const has = (octet: number, bit: number) => ((octets[octet]! >> bit) & 1) === 1;
    // Disconnect, Reset, Read Buffer Size, LE Read Buffer Size, LE Set Scan Enable, LE Create Connection, LE Enable Encryption
    for (const [octet, bit] of [
      [0, 5],
      [5, 7],
      [14, 7],
      [25, 1],
      [26, 3],
      [26, 4],
      [28, 0],
    ]) {
      expect(has(octet!, bit!), `${octet}.${bit}`).toBe(true);
    }
    // LE Set Advertising Enable, LE Set Extended Scan Enable
    expect([has(26, 1), has(37, 6)]).toEqual([false, false]);
    expect(await ask('01031000')).toEqual(['040e0c01031000' + '0000000060000000']);
    expect(await ask('01032000')).toEqual(['040e0c01032000' + '0100000000000000']);
  });

  it('tells the version and the features of the other end of a link, and of none without one', async () => {
    const { ask } = host();
    controller.add(device());
    await ask(CONNECT);
    expect(await ask('011d04024100')).toEqual(['040f0400011d04', '040c08004100' + '0bffff0000']);
    expect(await ask('011620024100')).toEqual(['040f0400011620', '043e0c04004100' + '0100000000000000']);
    expect(await ask('01162002ee0e')).toEqual(['040f0402011620']);
  });

  it('takes the address that the host gives itself, and refuses a random one that was never set', async () => {
    const { ask } = host({ address: 'C0:FF:EE:00:00:07' });
    const peripheral = controller.add(device());
    const random = `${CONNECT.slice(0, 32)}01${CONNECT.slice(34)}`;
    expect(await ask(random)).toEqual(['040f0412010d20']);
    await ask('01052006' + 'f5f4f3f2f1f0');
    await ask(random);
    const link = () => controller.link(controller.handleOf(peripheral)!)!;
    expect(link().central).toEqual({ address: 'f0:f1:f2:f3:f4:f5', random: true });
    controller.reset();
    await ask(CONNECT);
    expect(link().central).toEqual({ address: 'c0:ff:ee:00:00:07', random: false });
  });

  it('reports what is on the air, with a scan response always', async () => {
    const { send, heard } = host();
    controller.add(device());
    send(SCAN);
    await until(() => heard.length >= 5);
    const address = '0605040302f1';
    expect(heard.slice(0, 3)).toEqual([
      '040e04010c2000',
      `043e1302010001${address}0702010603030d18c4`,
      `043e1302010401${address}0706094854455354c4`,
    ]);
    // Again and again, since duplicates are wanted; then silence.
    expect(heard[3]).toBe(heard[1]);
    send('010c20020000');
    await until(() => heard.includes('040e04010c2000', 1));
    const count = heard.length;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(heard.length).toBe(count);
  });

  it('reports each device once when duplicates are filtered', async () => {
    const { send, heard } = host();
    controller.add(device());
    send('010c20020101');
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(heard.length).toBe(3);
  });

  it('connects when the device comes into range, one connection at a time', async () => {
    const { ask, heard } = host();
    const peripheral = controller.add(device());
    peripheral.leaveRange();
    expect(await ask(CONNECT)).toEqual(['040f0400010d20']);
    expect(await ask(CONNECT)).toEqual(['040f040c010d20']);
    heard.length = 0;
    peripheral.enterRange();
    await until(() => heard.length === 1);
    expect(heard).toEqual(['043e13010041000001' + '0605040302f1' + '180000002a0000']);
    expect(peripheral.connected).toBe(true);
    expect(peripheral.advertises).toBe(false);
    // Disconnect by the host: status, then the event with "terminated by local host".
    expect(await ask('0106040341' + '0013')).toEqual(['040f0400010604', '04050400410016']);
    expect(peripheral.advertises).toBe(true);
  });

  it('gives up a connection when the host says so', async () => {
    const { ask } = host();
    expect(await ask(CANCEL)).toEqual(['040e04010e200c']);
    await ask(CONNECT);
    expect(await ask(CANCEL)).toEqual(['040e04010e2000', '043e13010200000001' + '0605040302f1' + '180000002a0000']);
  });

  it('has no more links than it can carry', async () => {
    const { ask } = host({ maxLinks: 1 });
    controller.add(device());
    controller.add(
      new VirtualPeripheral({ address: 'F1:02:03:04:05:07', name: 'HTEST', advertises: [], services: [] }),
    );
    await ask(CONNECT);
    expect(await ask(CONNECT.replace('060504', '070504'))).toEqual(['040f0409010d20']);
  });

  it('refuses a device that is already there, and a name or address that cannot be', () => {
    host();
    controller.add(device());
    expect(() => controller.add(device())).toThrow(RangeError);
    const make = (address: string, name: string) => () =>
      controller.add(new VirtualPeripheral({ address, name, advertises: [], services: [] }));
    expect(make('F1:02:03:04:05:08', 'x'.repeat(30))).toThrow(RangeError);
  });
});

describe('attribute server', () => {
  async function linked(options: Partial<ControllerOptions> = {}) {
    const opened = host(options);
    const peripheral = controller.add(device());
    await opened.ask(CONNECT);
    return { ...opened, peripheral };
  }

  it('lets a client discover the table', async () => {
    const { att } = await linked();
    expect(await att('100100ffff0028')).toEqual(['1106' + '010003000018' + '040009000d18']);
    expect(await att('100a00ffff0028')).toEqual(['1114' + '0a000d00' + 'bbaa33221100f0debc9a785634120000']);
    expect(await att('100e00ffff0028')).toEqual(['01100e000a']);
    expect(await att('0804000900' + '0328')).toEqual(['0907' + '0500' + '100600372a' + '0800' + '0a0900382a']);
    expect(await att('0405000800')).toEqual(['0501' + '05000328' + '0600372a' + '07000229' + '08000328']);
    expect(await att('060100ffff00280d18')).toEqual(['07' + '04000900']);
    expect(await att('0800000100' + '0328')).toEqual(['0108000001']);
  });

  it('agrees on an MTU and fragments by it and by the buffers of the controller', async () => {
    const { att, ask, heard } = await linked({ aclLength: 8 });
    expect(await att('02f000')).toEqual(['03f700']);
    heard.length = 0;
    // Name of the device: 5 octets and the opcode in one L2CAP frame of 10 octets, in two ACL packets.
    const packets = await ask('024100' + '0700' + '0300' + '0400' + '0a0300');
    expect(packets).toEqual(['0241200800' + '06000400' + '0b485445', '0241100200' + '5354']);
  });

  it('reads, writes, subscribes, and refuses by the right codes', async () => {
    const { att, peripheral } = await linked();
    expect(await att('0a0900')).toEqual(['0b01']);
    expect(await att('1209002a')).toEqual(['13']);
    expect(await att('0a0900')).toEqual(['0b2a']);
    expect(await att('0a0600')).toEqual(['010a060002']); // read not permitted
    expect(await att('12050000')).toEqual(['0112050003']); // write not permitted
    expect(await att('0a6300')).toEqual(['010a630001']); // no such handle
    expect(await att('0c09000200')).toEqual(['010c090007']); // beyond the end
    expect(await att('120d000200')).toEqual(['01120d0005']); // wants encryption
    expect(await att('0a')).toEqual(['010a000004']); // cut short
    expect(await att('7e')).toEqual([]); // an unknown command has no answer
    expect(await att('1607000000aa')).toEqual(['1707000000aa']);
    expect(await att('1800')).toEqual(['19']);
    expect(peripheral.isSubscribed(0x2a37)).toBe(false);
    expect(await peripheral.send(0x2a37, Uint8Array.of(1))).toBe(false);
    expect(await att('1207000100')).toEqual(['13']);
    expect(peripheral.isSubscribed(0x2a37)).toBe(true);
    expect(await att('0807000700' + '0229')).toEqual(['0904' + '07000100']);
  });

  it('says when a notification was handed over, and cuts it to the MTU', async () => {
    const { att, heard, peripheral } = await linked();
    await att('1207000100');
    heard.length = 0;
    expect(await peripheral.send(0x2a37, new Uint8Array(30))).toBe(true);
    expect(heard).toEqual([`0241201b00170004001b0600${'00'.repeat(20)}`]);
    controller.attach(undefined);
    expect(await peripheral.send(0x2a37, Uint8Array.of(1))).toBe(false);
  });
});

describe('stamps', () => {
  it('stay with what was sent at that time', async () => {
    const clock = createSimClock(10);
    controller = new VirtualController({ clock });
    const stamps: number[] = [];
    controller.attach((_packet, stamp) => {
      stamps.push(stamp);
      return undefined;
    });
    for (const instant of [10, 20, 15]) {
      clock.set(instant);
      controller.sendToHost(Buffer.from([4, 0x3e, 1, 0]));
    }
    clock.set(99);
    await until(() => stamps.length === 3);
    expect(stamps).toEqual([10, 20, 15]);
  });
});
