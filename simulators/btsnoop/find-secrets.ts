/** Collects what a recording tells about people and keys, so that it can be looked for in all that is kept of it. */
import { ACL_DATA, CID_ATT, CID_SMP, COMMAND, EVENT, EVT_LE_META, encodeAddress } from '../hci/hci-packets.ts';
import { AttExchange, attValues } from './att-values.ts';
import { type AttributeTable, decodeUuid } from './attribute-table.ts';
import type { CaptureRecord } from './btsnoop-file.ts';
import { type CapturedLink, stepsOf } from './capture-steps.ts';
import { isAdvertisedName, isIdentifying } from './redaction-rules.ts';
import { SecretScan } from './secret-scan.ts';

const ENHANCED_CONNECTION_COMPLETE = 0x0a;
const IDENTITY_ADDRESS_INFORMATION = 0x09;
const PUBLIC_KEY = 0x0c;
const CENTRAL_IDENTIFICATION = 0x07;
/** SMP PDUs with one value of 16 octets: confirm, random, LTK, IRK, CSRK, DHKey check (Core 5.2 Vol 3 Part H §3.5, §3.6). */
const SMP_VALUES = new Set([0x03, 0x04, 0x06, 0x08, 0x0a, 0x0d]);

/** Where addresses and keys stand in HCI packets (Vol 4 Part E §7), as octets from the type octet: `[start, end)`. */
type Place = readonly [start: number, end: number];
const IN_COMMANDS: Readonly<Record<number, { addresses?: Place[]; keys?: Place[] }>> = {
  8197: { addresses: [[4, 10]] }, // LE Set Random Address
  8205: { addresses: [[10, 16]] }, // LE Create Connection
  8217: {
    keys: [
      [6, 14],
      [16, 32],
    ],
  }, // LE Enable Encryption: random number, LTK
  8218: { keys: [[6, 22]] }, // LE Long Term Key Request Reply
  8231: {
    addresses: [[5, 11]],
    keys: [
      [11, 27],
      [27, 43],
    ],
  }, // LE Add Device To Resolving List: IRKs
  1035: { addresses: [[4, 10]], keys: [[10, 26]] }, // Link Key Request Reply
};
const IN_EVENTS: Readonly<Record<number, { addresses?: Place[]; keys?: Place[] }>> = {
  24: { addresses: [[3, 9]], keys: [[9, 25]] }, // Link Key Notification
  21: { addresses: [[4, 10]], keys: [[10, 26]] }, // Return Link Keys
};
const READ_BD_ADDR = 0x1009;
const EVT_COMMAND_COMPLETE = 0x0e;

/** All secrets of a recording, of whatever device. `tableOf` gives the table of a link's device. */
export function findSecrets(
  records: readonly CaptureRecord[],
  tableOf: (link: CapturedLink) => AttributeTable,
): SecretScan {
  const secrets = new SecretScan();
  const exchanges = new Map<CapturedLink, AttExchange>();
  for (const step of stepsOf(records)) {
    const { packet } = step.record;
    if (packet[0] !== ACL_DATA) addFromHci(secrets, packet);
    if (step.kind === 'reports') {
      for (const { address, data } of step.reports) {
        secrets.addAddress(encodeAddress(address));
        secrets.addNames(data, isAdvertisedName);
      }
    } else if (step.kind === 'connected') {
      secrets.addAddress(encodeAddress(step.link.address));
      exchanges.set(step.link, new AttExchange());
      if (packet[1] === EVT_LE_META && packet[3] === ENHANCED_CONNECTION_COMPLETE) {
        secrets.addAddress(packet.subarray(15, 21));
        secrets.addAddress(packet.subarray(21, 27));
      }
    } else if (step.kind === 'frame' && step.cid === CID_SMP) {
      addFromSmp(secrets, step.payload);
    } else if (step.kind === 'frame' && step.cid === CID_ATT) {
      const pdu = exchanges.get(step.link)?.take(step.record.direction, step.payload);
      for (const { handle, type, start, end } of (pdu && attValues(pdu)) ?? []) {
        const uuid = type ? decodeUuid(type) : handle === undefined ? undefined : tableOf(step.link).typeOf(handle);
        if (uuid !== undefined && isIdentifying(uuid)) secrets.add(step.payload.subarray(start, end));
      }
    }
  }
  return secrets;
}

function addFromHci(secrets: SecretScan, packet: Uint8Array): void {
  const opcode = (packet[1] ?? 0) | ((packet[2] ?? 0) << 8);
  const places =
    packet[0] === COMMAND ? IN_COMMANDS[opcode] : packet[0] === EVENT ? IN_EVENTS[packet[1] ?? 0] : undefined;
  for (const [start, end] of places?.addresses ?? []) {
    if (packet.length >= end) secrets.addAddress(packet.subarray(start, end));
  }
  for (const [start, end] of places?.keys ?? [])
    if (packet.length >= end) secrets.addNumber(packet.subarray(start, end));
  const completed = (packet[4] ?? 0) | ((packet[5] ?? 0) << 8);
  if (packet[0] === EVENT && packet[1] === EVT_COMMAND_COMPLETE && completed === READ_BD_ADDR && packet.length === 13) {
    secrets.addAddress(packet.subarray(7));
  }
}

function addFromSmp(secrets: SecretScan, pdu: Uint8Array): void {
  const opcode = pdu[0] ?? 0;
  if (SMP_VALUES.has(opcode) && pdu.length === 17) secrets.addNumber(pdu.subarray(1));
  if (opcode === CENTRAL_IDENTIFICATION && pdu.length === 11) secrets.addNumber(pdu.subarray(3));
  if (opcode === IDENTITY_ADDRESS_INFORMATION && pdu.length === 8) secrets.addAddress(pdu.subarray(2));
  if (opcode === PUBLIC_KEY && pdu.length === 65) {
    secrets.addNumber(pdu.subarray(1, 33));
    secrets.addNumber(pdu.subarray(33));
  }
}
