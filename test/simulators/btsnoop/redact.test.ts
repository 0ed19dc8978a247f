/** Secrets are planted wherever a recording may hold them; none of their octets may be left in the redacted file. */
import { describe, expect, it } from 'vitest';
import { type CaptureRecord, readBtsnoop, writeBtsnoop } from '../../../simulators/btsnoop/btsnoop-file.ts';
import { extractPeripheral, listPeripherals } from '../../../simulators/btsnoop/extract-peripheral.ts';
import { type RedactOptions, redact } from '../../../simulators/btsnoop/redact.ts';
import {
  CID_ATT,
  CID_SMP,
  encodeAcl,
  encodeAddress,
  encodeCommandComplete,
  encodeEvent,
  encodeLeEvent,
  u16,
} from '../../../simulators/hci/hci-packets.ts';

const DEVICE = 'd4:3a:2c:11:22:33';
const OTHER = 'c8:7b:54:aa:bb:cc';
const GATEWAY = '5c:f3:70:91:92:93';
const PHONE_RANDOM = '6e:12:34:56:78:9a';
const OWN = 0x0040;
const OTHERS = 0x0041;

/** Every secret is random to the eye, so that a hit is a leak. */
const SECRETS = {
  deviceName: 'Polar Mayer 7F21',
  gapName: 'Erika Mayer BP',
  otherName: 'Huber Watch',
  phoneName: 'Telefon von Josef',
  hostName: 'laptop-josef',
  serial: 'SN-83-7719-A',
  firstName: 'Rosalinde',
  otherValue: 'OTHERS-VALUE',
  vendorValue: 'UNLOCK-KEY-ABCDE',
  cachedValue: 'VALUE-OF-CACHED',
  confirm: 'c0nf1rm-16-bytes',
  random: 'r4nd0m--16-bytes',
  ltk: 'ltk-ltk-16-bytes',
  irk: 'irk-irk-16-bytes',
  csrk: 'csrkcsrk16-bytes',
  hostLtk: 'HOST-ltk16-bytes',
  replyLtk: 'REPLYltk16-bytes',
  linkKey: 'linkkey-16-bytes',
  linkReply: 'LINKKEY-16-bytes',
  localIrk: 'LOCALIRK16-bytes',
  peerIrk: 'PEER-IRK16-bytes',
  ediv: '8randoms',
  rand: 'RANDOMS8',
  temporary: 'tk-value16-bytes',
};

let clock = 0;
function at(direction: 'sent' | 'received', packet: Uint8Array, cut = false): CaptureRecord {
  return { atUs: 1_717_200_000_000_000 + 1_000 * clock++, direction, packet: new Uint8Array(packet), cut };
}
const text = (value: string) => Buffer.from(value, 'latin1');
const octets = (...parts: (number | Uint8Array)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.from([part]) : part)));
const command = (opcode: number, ...parts: (number | Uint8Array)[]) => {
  const body = octets(...parts);
  return at('sent', octets(0x01, u16(opcode), body.length, body));
};
const event = (packet: Uint8Array) => at('received', packet);
/** In fragments of 27 octets, as most controllers cut it. */
const frame = (handle: number, direction: 'sent' | 'received', cid: number, ...parts: (number | Uint8Array)[]) =>
  encodeAcl(handle, cid, octets(...parts), 27).map((packet) => at(direction, packet));
const ask = (...parts: (number | Uint8Array)[]) => frame(OWN, 'sent', CID_ATT, ...parts);
const say = (...parts: (number | Uint8Array)[]) => frame(OWN, 'received', CID_ATT, ...parts);
const pair = (...parts: (number | Uint8Array)[]) => frame(OWN, 'received', CID_SMP, ...parts);
const structure = (type: number, data: Uint8Array) => octets(data.length + 1, type, data);
const report = (address: string, type: number, data: Uint8Array) =>
  octets(type, 1, encodeAddress(address), data.length, data, 0xc8);
const connected = (handle: number, address: string) =>
  event(encodeLeEvent(0x01, octets(0, u16(handle), 0, 1, encodeAddress(address), u16(24), u16(0), u16(42), 0)));
const declaration = (handle: number, properties: number, uuid: number) =>
  octets(u16(handle), properties, u16(handle + 1), u16(uuid));

const BEAT = Buffer.from('0648', 'hex');
const BEATS = [BEAT, Buffer.from('0649', 'hex'), Buffer.from('064a', 'hex')];

function plant(): CaptureRecord[] {
  clock = 0;
  const own = encodeAddress(DEVICE);
  const vendor = Buffer.from('6e400003b5a3f393e0a9e50e24dcca9e', 'hex');
  return [
    command(0x0c03),
    event(encodeCommandComplete(0x0c03, 0)),
    event(encodeCommandComplete(0x1009, 0, encodeAddress(GATEWAY))),
    command(0x2005, encodeAddress(PHONE_RANDOM)),
    command(0x0c13, text(SECRETS.hostName), Buffer.alloc(248 - SECRETS.hostName.length)),
    command(0x2027, 1, own, text(SECRETS.peerIrk), text(SECRETS.localIrk)),
    // Both devices in one event; the kept one tells its address again, and a key.
    event(
      encodeLeEvent(
        0x02,
        octets(2, report(DEVICE, 0, octets(structure(1, octets(6)), structure(0xff, octets(u16(0x6b), own))))),
        report(OTHER, 0, structure(0x09, text(SECRETS.otherName))),
      ),
    ),
    event(encodeLeEvent(0x02, octets(1, report(DEVICE, 4, structure(0x09, text(SECRETS.deviceName)))))),
    event(encodeLeEvent(0x02, octets(1, report(DEVICE, 0, structure(0x10, text(SECRETS.temporary)))))),
    command(0x200d, u16(96), u16(48), 0, 1, own, 0, Buffer.alloc(12)),
    connected(OWN, DEVICE),
    connected(OTHERS, OTHER),
    ...frame(OTHERS, 'received', CID_ATT, 0x1b, u16(3), text(SECRETS.otherValue)),
    // Pairing and encryption.
    ...pair(0x03, text(SECRETS.confirm)),
    ...pair(0x04, text(SECRETS.random)),
    command(0x2019, u16(OWN), text(SECRETS.rand), u16(0x1234), text(SECRETS.hostLtk)),
    event(encodeEvent(0x08, octets(0, u16(OWN), 1))),
    command(0x201a, u16(OWN), text(SECRETS.replyLtk)),
    ...pair(0x06, text(SECRETS.ltk)),
    ...pair(0x07, u16(0x4321), text(SECRETS.ediv)),
    ...pair(0x08, text(SECRETS.irk)),
    ...pair(0x09, 0, encodeAddress('00:1b:dc:77:88:99')),
    ...pair(0x0a, text(SECRETS.csrk)),
    event(encodeEvent(0x18, octets(encodeAddress(OTHER), text(SECRETS.linkKey), 0))),
    command(0x040b, encodeAddress(OTHER), text(SECRETS.linkReply)),
    event(encodeEvent(0x07, octets(0, encodeAddress(OTHER), text(SECRETS.otherName), Buffer.alloc(237)))),
    event(encodeEvent(0xff, octets(text(SECRETS.ltk)))),
    // Discovery: generic access, heart rate, device information, user data, and a service of the maker's own.
    ...ask(0x10, u16(1), u16(0xffff), u16(0x2800)),
    ...say(0x11, 6, u16(1), u16(3), u16(0x1800), u16(4), u16(7), u16(0x180d), u16(8), u16(30), u16(0x180a)),
    ...ask(0x08, u16(1), u16(0xffff), u16(0x2803)),
    ...say(0x09, 7, declaration(2, 2, 0x2a00), declaration(4, 0x10, 0x2a37), declaration(8, 2, 0x2a25)),
    ...ask(0x08, u16(9), u16(0xffff), u16(0x2803)),
    ...say(0x09, 7, declaration(10, 2, 0x2a23), declaration(12, 0x0a, 0x2a8a), declaration(14, 2, 0x2a29)),
    ...ask(0x08, u16(15), u16(0xffff), u16(0x2803)),
    ...say(0x09, 21, u16(16), 0x18, u16(17), vendor),
    ...ask(0x04, u16(6), u16(7)),
    ...say(0x05, 1, u16(6), u16(0x2902)),
    // Values: names by handle and by type, serial number, System ID, a person, a maker that repeats all of it.
    ...ask(0x0a, u16(3)),
    ...say(0x0b, text(SECRETS.gapName)),
    ...ask(0x08, u16(1), u16(0xffff), u16(0x2a00)),
    ...say(0x09, 2 + SECRETS.gapName.length, u16(3), text(SECRETS.gapName)),
    ...ask(0x0a, u16(9)),
    ...say(0x0b, text(SECRETS.serial)),
    ...ask(0x0a, u16(11)),
    ...say(0x0b, Buffer.from('332211feff2c3ad4', 'hex')),
    ...ask(0x12, u16(13), text(SECRETS.firstName)),
    ...say(0x13),
    ...ask(0x0a, u16(15)),
    ...say(0x0b, text(`Maker of ${SECRETS.serial} D43A2C112233 d4:3a:2c:11:22:33 -112233`)),
    ...ask(0x12, u16(17), text(SECRETS.vendorValue)),
    ...say(0x13),
    ...say(0x1b, u16(17), text(SECRETS.vendorValue)),
    ...say(0x1b, u16(99), text(SECRETS.cachedValue)),
    // The device asks who the phone is.
    ...say(0x0a, u16(3)),
    ...ask(0x0b, text(SECRETS.phoneName)),
    ...say(0x1b, u16(5), BEATS[0]!),
    ...say(0x1b, u16(5), octets(6, 72, text(SECRETS.irk))),
    ...say(0x1b, u16(5), BEATS[1]!),
    // A fragment whose beginning nobody saw, a packet that was cut, and one in a channel of its own.
    at('received', octets(0x02, u16(OWN | 0x1000), u16(12), text(SECRETS.otherValue))),
    at('received', octets(0x02, u16(OWN | 0x2000), u16(40), text(SECRETS.otherName)), true),
    ...frame(OWN, 'received', 0x0040, text(SECRETS.otherValue)),
    ...say(0x1b, u16(5), BEATS[2]!),
    event(encodeEvent(0x05, octets(0, u16(OWN), 0x13))),
    ...say(0x1b, u16(5), text(SECRETS.otherValue)),
  ];
}

/** All ways in which a secret could stand in a file. */
function written(): [what: string, Buffer][] {
  const addresses = [DEVICE, OTHER, GATEWAY, PHONE_RANDOM, '00:1b:dc:77:88:99'];
  return [
    ...Object.entries(SECRETS).flatMap(([what, secret]): [string, Buffer][] => [
      [what, text(secret)],
      [`${what} backwards`, text(secret).reverse()],
    ]),
    ...addresses.flatMap((address): [string, Buffer][] => [
      [`${address} on the air`, encodeAddress(address)],
      [`${address} read aloud`, encodeAddress(address).reverse()],
      [`${address} as text`, text(address)],
      [`${address} as plain text`, text(address.replaceAll(':', '').toUpperCase())],
    ]),
    ['System ID', Buffer.from('332211feff2c3ad4', 'hex')],
    ['end of the address', text('112233')],
  ];
}

const leaksIn = (file: Uint8Array) =>
  written().flatMap(([what, bytes]) => (Buffer.from(file).includes(bytes) ? what : []));
const redactedFile = (options: Partial<RedactOptions> = {}) =>
  writeBtsnoop(redact(plant(), { keep: DEVICE, ...options }).records);

describe('redact', () => {
  it('leaves no planted secret in the file', () => {
    // The scan is worth something: it finds nearly all of them before.
    const before = leaksIn(writeBtsnoop(plant()));
    expect(before).toEqual(expect.arrayContaining(Object.keys(SECRETS)));
    expect(leaksIn(redactedFile())).toEqual([]);
  });

  it('leaves none when everything that may be kept is kept', () => {
    const cached = new Map([[99, { service: 0x180d, characteristic: 0x2a37 }]]);
    const file = redactedFile({ cached, keepBroadcasts: true, alsoKeep: [0x2a25, 0x2a00] });
    // The caller says that handle 99 is a heart rate, and is believed.
    expect(leaksIn(file)).toEqual(['cachedValue']);
  });

  it('keeps the device, its table and its measurements, under a test address and test names', () => {
    const redaction = redact(plant(), { keep: DEVICE.toUpperCase() });
    const records = readBtsnoop(writeBtsnoop(redaction.records));
    expect(records).toEqual(redaction.records);
    expect(listPeripherals(records)).toEqual([
      { address: redaction.address, name: 'HTEST device HTE', links: 1, values: 3 },
    ]);
    const device = extractPeripheral(records);
    expect(device.addressType).toBe('random');
    expect(Number.parseInt(device.address.slice(0, 2), 16) & 0xc0).toBe(0xc0);
    const values = device.events.flatMap((event) => (event.kind === 'value' ? [Buffer.from(event.value)] : []));
    expect(values).toEqual(BEATS);
    const read = device.services.flatMap(({ characteristics }) =>
      characteristics.map(({ uuid, value }) => [uuid, value]),
    );
    expect(read).toContainEqual([0x2a00, new Uint8Array(text('HTEST device H'))]);
    expect(read).toContainEqual([0x2a25, new Uint8Array(SECRETS.serial.length)]);
    expect(redaction.blanked).toBeGreaterThan(5);
    expect(redaction.dropped).toBe(plant().length - redaction.records.length);
  });

  it('has the same address for whatever device, so that it tells nothing of the old one', () => {
    expect(redact(plant(), { keep: OTHER }).address).toBe(redact(plant(), { keep: DEVICE }).address);
  });

  it('keeps a value of the maker only when asked to', () => {
    const alsoKeep = ['9ecadc24-0ee5-a9e0-93f3-a3b50300406e'];
    expect(leaksIn(redactedFile({ alsoKeep }))).toEqual(['vendorValue']);
  });

  it('keeps nothing of a recording without the device', () => {
    expect(redact(plant(), { keep: '00:00:00:00:00:01' }).records.filter(({ packet }) => packet[0] === 2)).toEqual([]);
    expect(leaksIn(redactedFile({ keep: '00:00:00:00:00:01' }))).toEqual([]);
  });
});
