/** A host by hand on a virtual controller: packets as the Core specification lays them out, and what comes back. */
import { createSimClock } from '../../simulators/hci/sim-clock.ts';
import { type ControllerOptions, VirtualController } from '../../simulators/hci/virtual-controller.ts';

const CONNECT = '010d2019' + '60003000' + '00' + '01';
const INTERVALS = '00' + '18002800' + '0000' + '2a00' + '00000000';

export interface HandHost {
  readonly controller: VirtualController;
  /** Packets of the controller in hex, but for completed ones. */
  readonly heard: string[];
  send(hex: string): void;
  /** Sends and gives what came back until it has gone quiet. */
  ask(hex: string): Promise<string[]>;
  /** Create Connection to a random address; gives what came back. */
  connect(address: string): Promise<string[]>;
  /** An ATT PDU on a link, the first by default; gives the ATT part of what came back. */
  att(pdu: string, handle?: number): Promise<string[]>;
  /** ATT parts of what came on any link since the last question. */
  atts(): string[];
  settled(): Promise<void>;
}

export function openHandHost(options: Partial<ControllerOptions> = {}): HandHost {
  const controller = new VirtualController({ clock: createSimClock(0), advertisingIntervalMs: 5, ...options });
  const heard: string[] = [];
  let seen = 0;
  controller.attach((packet) => {
    seen++;
    if (packet[1] !== 0x13 || packet[0] !== 0x04) heard.push(packet.toString('hex'));
    return undefined;
  });
  const u16 = (n: number) => Buffer.from([n & 0xff, n >> 8]).toString('hex');
  const settled = async () => {
    for (let before = -1; before !== seen; ) {
      before = seen;
      for (let i = 0; i < 8; i++) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const send = (hex: string) => controller.receive(Buffer.from(hex, 'hex'));
  const ask = async (hex: string) => {
    heard.length = 0;
    send(hex);
    await settled();
    return [...heard];
  };
  const atts = () => heard.filter((packet) => packet.startsWith('02')).map((packet) => packet.slice(18));
  return {
    controller,
    heard,
    send,
    ask,
    connect(address) {
      return ask(CONNECT + Buffer.from(address.replaceAll(':', ''), 'hex').reverse().toString('hex') + INTERVALS);
    },
    async att(pdu, handle = 0x41) {
      const length = pdu.length / 2;
      await ask(`02${u16(handle)}${u16(length + 4)}${u16(length)}0400${pdu}`);
      return atts();
    },
    atts,
    settled,
  };
}
