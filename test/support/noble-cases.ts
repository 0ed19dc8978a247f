/**
 * Defects of noble as cases that run with and without the mends (defects.test.ts and noble-unhardened.ts). The numbers
 * are those of edge-agent/radio/harden-noble.ts.
 */
import { once } from 'node:events';
import { loadNobleClasses, type NobleStack, openNoble } from '../../edge-agent/radio/load-noble.ts';
import type { NobleCharacteristic, NoblePeripheral } from '../../edge-agent/radio/noble-internals.ts';
import {
  discoverCharacteristics,
  discoverServices,
  RadioError,
  readValue,
  subscribe,
  writeValue,
} from '../../edge-agent/radio/operations.ts';
import { CID_SMP, EVT_ENCRYPTION_CHANGE, encodeAcl, encodeEvent, u16 } from '../../simulators/hci/hci-packets.ts';
import { createSimClock } from '../../simulators/hci/sim-clock.ts';
import { VirtualController } from '../../simulators/hci/virtual-controller.ts';
import { VirtualPeripheral } from '../../simulators/hci/virtual-peripheral.ts';
import { openVirtualTransport, type VirtualTransport } from '../../simulators/hci/virtual-transport.ts';

/** Operations with the mends (ours) or without (noble's own promises). */
export interface Operations {
  read(characteristic: NobleCharacteristic): Promise<Uint8Array>;
  write(characteristic: NobleCharacteristic, value: Uint8Array): Promise<void>;
  subscribe(characteristic: NobleCharacteristic): Promise<void>;
}

export interface World {
  readonly transport: VirtualTransport;
  readonly controller: VirtualController;
  readonly device: VirtualPeripheral;
  readonly stack: NobleStack;
  readonly peripheral: NoblePeripheral;
  /** By 16-bit UUID. */
  readonly found: ReadonlyMap<number, NobleCharacteristic>;
}

const LONG_VALUE = Uint8Array.from({ length: 400 }, (_, i) => i & 0xff);
/** What counts as "never": far more than any of this takes, even on a busy machine. */
const HUNG_MS = 1_500;

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A device, connected and discovered. */
export async function openWorld(): Promise<World> {
  const controller = new VirtualController({ clock: createSimClock(0), advertisingIntervalMs: 20 });
  const device = controller.add(
    new VirtualPeripheral({
      address: 'F0:00:00:00:00:01',
      name: 'HTEST defects',
      advertises: [0x180d],
      mtu: 512,
      services: [
        {
          uuid: 0x180d,
          characteristics: [
            { uuid: 0x2a37, properties: ['notify'] },
            { uuid: 0x2a38, properties: ['read', 'write'], value: Uint8Array.of(1) },
            { uuid: 0x2a39, properties: ['read'], value: Uint8Array.of(2), secure: true },
          ],
        },
        { uuid: 0x1810, characteristics: [{ uuid: 0x2a35, properties: ['indicate'], descriptor: false }] },
        { uuid: 0x1809, characteristics: [{ uuid: 0x2a1c, properties: ['indicate'] }] },
        ...[1, 2].map((level) => ({
          uuid: 0x180f,
          characteristics: [{ uuid: 0x2a19, properties: ['read'] as const, value: Uint8Array.of(level) }],
        })),
        { uuid: 0x181f, characteristics: [{ uuid: 0x2aa8, properties: ['read'], value: LONG_VALUE }] },
      ],
    }),
  );
  const transport = openVirtualTransport(controller);
  const stack = openNoble(loadNobleClasses(), transport);
  const { noble } = stack;
  await new Promise<void>((resolve) => {
    noble.on('stateChange', (state) => state === 'poweredOn' && resolve());
  });
  noble.startScanning([], true);
  const [peripheral] = (await once(noble, 'discover')) as [NoblePeripheral];
  noble.stopScanning();
  peripheral.connect();
  await once(peripheral, 'connect');
  const found = new Map<number, NobleCharacteristic>();
  for (const service of await discoverServices(peripheral, [], 10_000)) {
    for (const characteristic of await discoverCharacteristics(peripheral, service, 10_000)) {
      found.set(Number.parseInt(characteristic.uuid, 16), characteristic);
    }
  }
  return { transport, controller, device, stack, peripheral, found };
}

export async function closeWorld({ stack, transport }: World): Promise<void> {
  stack.close();
  await transport.close();
}

export function mendedOperations({ peripheral }: World): Operations {
  return {
    read: (characteristic) => readValue(peripheral, characteristic, 10_000, (value) => value),
    write: (characteristic, value) => writeValue(peripheral, characteristic, value, 10_000),
    subscribe: (characteristic) => subscribe(peripheral, characteristic, 10_000),
  };
}

interface PlainCharacteristic {
  readAsync(): Promise<Buffer>;
  writeAsync(value: Buffer, withoutResponse: boolean): Promise<void>;
  subscribeAsync(): Promise<void>;
}

export function plainOperations(): Operations {
  const plain = (characteristic: NobleCharacteristic) => characteristic as unknown as PlainCharacteristic;
  return {
    read: (characteristic) => plain(characteristic).readAsync(),
    write: (characteristic, value) => plain(characteristic).writeAsync(Buffer.from(value), false),
    subscribe: (characteristic) => plain(characteristic).subscribeAsync(),
  };
}

/** How an operation ends, in a word or two. */
async function outcome(operation: Promise<unknown>): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const never = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, HUNG_MS, 'hung');
  });
  const settled = operation.then(
    (value) => (value instanceof Uint8Array ? `${value.length} octets` : 'done'),
    (error) => (error instanceof RadioError ? `${error.kind} ${error.code ?? ''}`.trim() : 'threw'),
  );
  const result = await Promise.race([settled, never]);
  clearTimeout(timer);
  return result;
}

const READ = 0x0a;
const WRITE = 0x12;

type Case = (world: World, operations: Operations) => Promise<string>;

function characteristic({ found }: World, uuid: number): NobleCharacteristic {
  const it = found.get(uuid);
  if (!it) throw new Error('not discovered');
  return it;
}

/** Each tells what was seen, as one line. */
export const CASES = {
  async '1 disconnect during an operation'(world, { read }) {
    world.device.misbehave = (request) => (request[0] === READ ? 'silence' : undefined);
    const result = outcome(read(characteristic(world, 0x2a38)));
    setTimeout(() => world.device.leaveRange(), 10);
    return result;
  },

  async '2 write racing a disconnect'(world, { read, subscribe }) {
    await subscribe(characteristic(world, 0x2a37));
    const result = new Promise<string>((resolve) => {
      world.peripheral.once('handleNotify', () => {
        // noble's own call too: it writes before it returns, where our operations wait for their turn.
        characteristic(world, 0x2a38).read();
        resolve(outcome(read(characteristic(world, 0x2a38))));
      });
    });
    // Both reach the host in one go: it starts to write, and the link is gone before the packet leaves.
    void world.device.send(0x2a37, Uint8Array.of(0, 60));
    world.device.leaveRange();
    return result;
  },

  async '3 encryption change while idle'(world, { read }) {
    const handle = world.controller.handleOf(world.device) ?? 0;
    world.controller.sendToHost(encodeEvent(EVT_ENCRYPTION_CHANGE, Uint8Array.of(0), u16(handle), Uint8Array.of(1)));
    await wait(20);
    return outcome(read(characteristic(world, 0x2a38)));
  },

  async '4 write refused'(world, { write }) {
    world.device.misbehave = (request) => (request[0] === WRITE ? { error: 0x03 } : undefined);
    return outcome(write(characteristic(world, 0x2a38), Uint8Array.of(7)));
  },

  async '4 subscribe without descriptor'(world, { subscribe }) {
    return outcome(subscribe(characteristic(world, 0x2a35)));
  },

  async '5 read refused'(world, { read }) {
    world.device.misbehave = (request) => (request[0] === READ ? { error: 0x02 } : undefined);
    return outcome(read(characteristic(world, 0x2a38)));
  },

  async 'pairing by just works'(world, { read }) {
    const secured = await outcome(read(characteristic(world, 0x2a39)));
    return `${secured}, then ${await outcome(read(characteristic(world, 0x2a38)))}`;
  },

  async '6 pairing refused'(world, { read }) {
    world.device.pairingRefusal = 0x03;
    const secured = await outcome(read(characteristic(world, 0x2a39)));
    return `${secured}, then ${await outcome(read(characteristic(world, 0x2a38)))}`;
  },

  async '7 error 0x04'(world, { read }) {
    let answered = false;
    world.device.misbehave = () => {
      if (answered) return undefined;
      answered = true;
      return { error: 0x04 };
    };
    const first = await outcome(read(characteristic(world, 0x2a38)));
    return `${first}, then ${await outcome(read(characteristic(world, 0x2a38)))}`;
  },

  async '9 long value of a peer with a large MTU'(world, { read }) {
    return outcome(read(characteristic(world, 0x2aa8)));
  },

  async '10 adapter loses power'(world) {
    const lost = once(world.peripheral, 'disconnect').then(() => 'disconnect');
    world.transport.setPower(false);
    // noble looks once a second.
    return Promise.race([lost, wait(3_000).then(() => 'no disconnect')]);
  },

  async '11 two services with one UUID'({ peripheral }, { read }) {
    const levels: number[] = [];
    for (const service of await discoverServices(peripheral, ['180f'], 10_000)) {
      for (const level of await discoverCharacteristics(peripheral, service, 10_000))
        levels.push(...(await read(level)));
    }
    return levels.join(' and ');
  },

  async '12 Security Request'({ stack, peripheral, device }) {
    const security = stack.security(peripheral.id);
    const heard = new Promise<string>((resolve) => {
      if (security) security.smp.onSecurityRequest = () => resolve('heard');
    });
    device.requestSecurity();
    return Promise.race([heard, wait(HUNG_MS).then(() => 'ignored')]);
  },

  async 'malformed packet'(world, { read }) {
    const handle = world.controller.handleOf(world.device) ?? 0;
    for (const packet of encodeAcl(handle, CID_SMP, new Uint8Array(), 27)) world.controller.sendToHost(packet);
    await wait(20);
    return outcome(read(characteristic(world, 0x2a38)));
  },

  async 'indication confirmed early'(world, { subscribe }) {
    await subscribe(characteristic(world, 0x2a1c));
    let release: (() => void) | undefined;
    world.peripheral.once('handleNotify', () => {
      release = world.stack.holdIndication(world.peripheral.id);
    });
    let confirmed = false;
    const sent = world.device.send(0x2a1c, Uint8Array.of(1)).then((result) => {
      confirmed = result;
    });
    await Promise.race([sent, wait(300)]);
    const before = confirmed;
    release?.();
    await sent;
    return before ? 'at once' : 'when released';
  },
} satisfies Record<string, Case>;

export type CaseName = keyof typeof CASES;
