/** LE legacy Just Works (Core 5.2 Vol 3 Part H §2.3.5.2) with the device as responder, by hand on the host's side. */
import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { applyFault } from '../../../simulators/hci/faults.ts';
import { CID_SMP } from '../../../simulators/hci/hci-packets.ts';
import { createSimClock } from '../../../simulators/hci/sim-clock.ts';
import { VirtualController } from '../../../simulators/hci/virtual-controller.ts';
import { VirtualPeripheral } from '../../../simulators/hci/virtual-peripheral.ts';
import { createRandom } from '../../../simulators/random.ts';
import { until } from '../../support/radio-world.ts';

const DEVICE = 'f1:02:03:04:05:06';
const PUBLIC = 'c0:ff:ee:00:00:07';
const RANDOM = 'f0:f1:f2:f3:f4:f5';
const INITIATOR_RANDOM = '0f0e0d0c0b0a09080706050403020100';

let controller: VirtualController;
afterEach(() => controller.reset());

const octets = (address: string) => address.replaceAll(':', '');
const reversed = (hex: string) => Buffer.from(hex, 'hex').reverse().toString('hex');

/** e with a key of zero (§2.2.1), most significant octet first, as the specification prints it. */
function encrypt(block: string): string {
  const cipher = createCipheriv('aes-128-ecb', Buffer.alloc(16), null).setAutoPadding(false);
  return cipher.update(block, 'hex', 'hex');
}

function xor(a: string, b: string): string {
  return (BigInt(`0x${a}`) ^ BigInt(`0x${b}`)).toString(16).padStart(32, '0');
}

/** c1 (§2.2.3): p1 = pres || preq || rat || iat, p2 = padding || ia || ra */
function confirmOf(random: string, request: string, response: string, own: 'public' | 'random'): string {
  const p1 = `${reversed(response)}${reversed(request)}01${own === 'random' ? '01' : '00'}`;
  const p2 = `00000000${octets(own === 'random' ? RANDOM : PUBLIC)}${octets(DEVICE)}`;
  return encrypt(xor(encrypt(xor(random, p1)), p2));
}

async function pair(own: 'public' | 'random', keys: number) {
  controller = new VirtualController({ clock: createSimClock(0), address: PUBLIC });
  const device = new VirtualPeripheral({ address: DEVICE, name: 'HTEST', advertises: [], services: [] });
  controller.add(device);
  const heard: string[] = [];
  controller.attach((packet) => {
    heard.push(packet.toString('hex'));
    return undefined;
  });
  const send = (hex: string) => controller.receive(Buffer.from(hex, 'hex'));
  /** Sends an SMP command and waits for the one that comes back. */
  const smp = async (pdu: string): Promise<string> => {
    const length = (n: number) => Buffer.from([n, 0]).toString('hex');
    const before = heard.length;
    send(`024100${length(pdu.length / 2 + 4)}${length(pdu.length / 2)}0600${pdu}`);
    const answer = () => heard.slice(before).find((packet) => packet.startsWith('02'));
    await until(() => answer() !== undefined);
    return answer()!.slice(18);
  };
  send(`01052006${reversed(octets(RANDOM))}`);
  const ownType = own === 'random' ? '01' : '00';
  send(`010d2019600030000001${reversed(octets(DEVICE))}${ownType}1800280000002a0000000000`);

  const request = `0103000110000${keys}`;
  const response = await smp(request);
  const confirm = await smp(`03${reversed(confirmOf(reversed(INITIATOR_RANDOM), request, response, own))}`);
  const random = await smp(`04${INITIATOR_RANDOM}`);
  const responderRandom = reversed(random.slice(2));
  // s1 (§2.2.4): the low halves of both randoms.
  const key = encrypt(responderRandom.slice(16) + reversed(INITIATOR_RANDOM).slice(16));
  heard.length = 0;
  send(`0119201c4100${'00'.repeat(10)}${reversed(key)}`);
  await until(() => heard.some((packet) => packet.startsWith('0408')));
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
  return { request, response, confirm: reversed(confirm.slice(2)), responderRandom, after: [...heard], device, heard };
}

it.each(['public', 'random'] as const)('confirms with the address that the host gave itself: %s', async (own) => {
  const { request, response, confirm, responderRandom } = await pair(own, 1);
  expect(confirm).toBe(confirmOf(responderRandom, request, response, own));
});

it('hands its keys over only when the host knows that the link is encrypted', async () => {
  const { response, after } = await pair('public', 1);
  expect(response).toBe('02030001100001');
  // Command Status, Encryption Change, Encryption Information, Central Identification
  expect(after.map((packet) => (packet.startsWith('02') ? packet.slice(18, 20) : packet.slice(0, 4)))).toEqual([
    '040f',
    '0408',
    '06',
    '07',
  ]);
});

it('hands over no key that was not asked for', async () => {
  const { response, after } = await pair('public', 0);
  expect(response).toBe('02030001100000');
  expect(after.map((packet) => packet.slice(0, 4))).toEqual(['040f', '0408']);
});

it('answers any octets of a host with nothing but Pairing Failed, and pairs with the next one', () => {
  const device = new VirtualPeripheral({ address: DEVICE, name: 'HTEST', advertises: [], services: [] });
  const sent: Buffer[] = [];
  const link = {
    central: { address: PUBLIC, random: false },
    send: (_cid: number, payload: Buffer) => void sent.push(payload),
    drop: () => undefined,
  };
  const pdu = fc.oneof(
    fc
      .constantFrom('01030001100001', `03${'00'.repeat(16)}`, `04${'00'.repeat(16)}`)
      .map((hex) => Buffer.from(hex, 'hex')),
    fc.uint8Array({ maxLength: 20 }).map((octets) => Buffer.from(octets)),
  );
  fc.assert(
    fc.property(fc.array(pdu, { maxLength: 8 }), (pdus) => {
      device.release(0x13);
      device.accept(link);
      sent.length = 0;
      for (const one of pdus) device.receive(CID_SMP, one);
      // Response, Confirm, Failed: a Random would mean that a confirm value of zeros had fitted.
      expect(sent.every((one) => [0x02, 0x03, 0x05].includes(one[0] ?? 0))).toBe(true);
      expect(device.startEncryption(new Uint8Array(16), new Uint8Array(2), new Uint8Array(8))).toBe('no-key');
    }),
    { numRuns: 500 },
  );
  device.release(0x13);
  device.accept(link);
  device.receive(CID_SMP, Buffer.from('01030001100001', 'hex'));
  expect(sent.at(-1)?.toString('hex')).toBe('02030001100001');
});

it('does not know its keys any more once they are lost', async () => {
  const { after, device, heard } = await pair('public', 1);
  const [key = '', identification = ''] = after.slice(2).map((packet) => packet.slice(20));
  const encryption = `0119201c4100${identification.slice(4)}${identification.slice(0, 4)}${key}`;
  const encrypted = async () => {
    device.disconnect();
    controller.receive(Buffer.from(`010d2019600030000001${reversed(octets(DEVICE))}001800280000002a0000000000`, 'hex'));
    const handle = `${(controller.handleOf(device) ?? 0).toString(16)}00`;
    heard.length = 0;
    controller.receive(Buffer.from(encryption.replace('4100', handle), 'hex'));
    await until(() => heard.some((packet) => packet.startsWith('0408')));
    return heard.find((packet) => packet.startsWith('0408'))?.slice(6, 8);
  };
  expect(device.bondCount).toBe(1);
  expect(await encrypted()).toBe('00');
  applyFault({ kind: 'lost-keys' }, { controller, device }, createRandom(1));
  expect(device.bondCount).toBe(0);
  // PIN or Key Missing
  expect(await encrypted()).toBe('06');
});
