/**
 * What brokers between agent and service do wrong, packet by packet (MQTT 3.1.1 §2): they acknowledge a batch and lose
 * it, send it twice, keep it for a week, lose and double what the service says. And what an honest broker saw, for later.
 */
import type { Random } from '../../simulators/random.ts';
import type { SimProcess } from './machine.ts';
import { type Connection, MQTT_PORT, type Network, type Tamper } from './network.ts';
import { runAs, type Scheduler } from './scheduler.ts';

const CONNECT = 1;
const PUBLISH = 3;

/** What went over the connections of one agent. */
interface Recorded {
  connect: Buffer;
  /** Whole PUBLISH packets at QoS 1, each once. */
  readonly publishes: Buffer[];
}

export class Mischief {
  /** How likely it is that a batch is acknowledged and lost. */
  lieRate = 0;
  /** How likely it is that a packet comes twice. */
  doubleRate = 0;
  /** How likely it is that what the service says is lost. */
  muteRate = 0;
  /** By MQTT client id. */
  readonly recorded = new Map<string, Recorded>();
  readonly #network: Network;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #outside: SimProcess;

  constructor(network: Network, scheduler: Scheduler, random: Random, outside: SimProcess) {
    this.#network = network;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#outside = outside;
    network.tamper = this.#tamper;
  }

  /** Batches as they were sent, as payloads. */
  payloads(): Buffer[] {
    return [...this.recorded.values()].flatMap(({ publishes }) =>
      publishes.map((packet) => readPublish(packet).payload),
    );
  }

  /** Brings packets of an agent again, in any order, some of them more than once, in its name. */
  replay(client: string, most: number): void {
    const recorded = this.recorded.get(client);
    if (!recorded || recorded.publishes.length === 0) return;
    const pick = () => recorded.publishes[Math.floor(this.#random() * recorded.publishes.length)]!;
    const packets = Array.from({ length: 1 + Math.floor(this.#random() * most) }, pick);
    runAs(this.#outside, () => {
      const socket = this.#network.connect(this.#outside, MQTT_PORT);
      socket.on('error', () => undefined);
      socket.write(recorded.connect);
      socket.once('data', () => {
        for (const packet of packets) if (!socket.destroyed) socket.write(packet);
      });
      this.#scheduler.after(this.#outside, 1500, () => socket.destroy());
    });
  }

  readonly #tamper: Tamper = (bytes, to, connection) => {
    if (connection.client.owner === this.#outside) return bytes;
    const passed: Buffer[] = [];
    for (const packet of packetsOf(bytes, to, connection)) {
      if (to === 'server') this.#toServer(packet, connection, passed);
      else this.#toClient(packet, passed);
    }
    return Buffer.concat(passed);
  };

  #toServer(packet: Buffer, connection: Connection, passed: Buffer[]): void {
    const type = packet[0]! >> 4;
    if (type === CONNECT) {
      const client = clientOf(packet);
      connection.notes.set('agent', client);
      const recorded = this.recorded.get(client);
      if (recorded) recorded.connect = packet;
      else this.recorded.set(client, { connect: packet, publishes: [] });
    }
    if (type !== PUBLISH || ((packet[0]! >> 1) & 3) !== 1) {
      passed.push(packet);
      return;
    }
    const { id, payload } = readPublish(packet);
    const { publishes } = this.recorded.get(connection.notes.get('agent') as string)!;
    if (!publishes.some((known) => readPublish(known).payload.equals(payload))) publishes.push(packet);
    if (this.#random() < this.lieRate) {
      connection.deliver(Buffer.from([0x40, 2, id >> 8, id & 0xff]), 'client'); // PUBACK
      return;
    }
    passed.push(packet);
    if (this.#random() < this.doubleRate) passed.push(packet);
  }

  #toClient(packet: Buffer, passed: Buffer[]): void {
    if (packet[0]! >> 4 === PUBLISH) {
      if (this.#random() < this.muteRate) return;
      if (this.#random() < this.doubleRate) passed.push(packet);
    }
    passed.push(packet);
  }
}

/** Whole packets of a stream; what is left of the last one waits for more. */
function packetsOf(bytes: Buffer, to: string, connection: Connection): Buffer[] {
  let rest = Buffer.concat([(connection.notes.get(to) as Buffer | undefined) ?? Buffer.alloc(0), bytes]);
  const packets: Buffer[] = [];
  for (;;) {
    const length = lengthOf(rest);
    if (length === undefined || rest.length < length) break;
    packets.push(rest.subarray(0, length));
    rest = rest.subarray(length);
  }
  connection.notes.set(to, rest);
  return packets;
}

/** Octets of the packet that begins here, header and all. */
function lengthOf(bytes: Buffer): number | undefined {
  let length = 0;
  for (let i = 1; i < 5; i++) {
    const octet = bytes[i];
    if (octet === undefined) return undefined;
    length += (octet & 0x7f) * 128 ** (i - 1);
    if (octet < 0x80) return 1 + i + length;
  }
  throw new Error('not MQTT');
}

function headerOf(packet: Buffer): number {
  let i = 1;
  while (packet[i]! >= 0x80) i++;
  return i + 1;
}

function clientOf(packet: Buffer): string {
  const at = headerOf(packet) + 10; // protocol name, level, flags, keep alive
  const length = packet.readUInt16BE(at);
  return packet.toString('utf8', at + 2, at + 2 + length);
}

function readPublish(packet: Buffer): { id: number; payload: Buffer } {
  const at = headerOf(packet);
  const id = at + 2 + packet.readUInt16BE(at);
  return { id: packet.readUInt16BE(id), payload: packet.subarray(id + 2) };
}
