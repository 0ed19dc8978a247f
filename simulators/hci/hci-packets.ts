/**
 * HCI packets of the controller's side, in H4 framing (Core 5.2 Vol 4 Part A §2: one type octet, then the packet).
 * Numbers are little-endian.
 */

/** H4 packet types (Vol 4 Part A §2). */
export const COMMAND = 0x01;
export const ACL_DATA = 0x02;
export const EVENT = 0x04;

/** Events (Vol 4 Part E §7.7). */
export const EVT_DISCONNECTION_COMPLETE = 0x05;
export const EVT_ENCRYPTION_CHANGE = 0x08;
export const EVT_READ_REMOTE_VERSION_COMPLETE = 0x0c;
export const EVT_COMMAND_COMPLETE = 0x0e;
export const EVT_COMMAND_STATUS = 0x0f;
export const EVT_NUMBER_OF_COMPLETED_PACKETS = 0x13;
export const EVT_ENCRYPTION_KEY_REFRESH_COMPLETE = 0x30;
export const EVT_LE_META = 0x3e;
export const EVT_VENDOR = 0xff;

/** LE meta subevents (Vol 4 Part E §7.7.65). */
export const LE_CONNECTION_COMPLETE = 0x01;
export const LE_ADVERTISING_REPORT = 0x02;
export const LE_CONNECTION_UPDATE_COMPLETE = 0x03;
export const LE_READ_REMOTE_FEATURES_COMPLETE = 0x04;

/** Status and reason codes (Vol 1 Part F §1.3). */
export const STATUS_SUCCESS = 0x00;
export const STATUS_UNKNOWN_COMMAND = 0x01;
export const STATUS_UNKNOWN_CONNECTION = 0x02;
export const STATUS_KEY_MISSING = 0x06;
export const STATUS_SUPERVISION_TIMEOUT = 0x08;
export const STATUS_CONNECTION_LIMIT = 0x09;
export const STATUS_DISALLOWED = 0x0c;
export const STATUS_REMOTE_USER_ENDED = 0x13;
export const STATUS_LOCAL_HOST_ENDED = 0x16;
export const STATUS_MIC_FAILURE = 0x3d;
export const STATUS_ESTABLISHMENT_FAILED = 0x3e;

/** L2CAP channels of an LE link (Vol 3 Part A §2.1). */
export const CID_ATT = 0x0004;
export const CID_SIGNALING = 0x0005;
export const CID_SMP = 0x0006;

/** Two octets, least significant first. */
export function u16(value: number): Buffer {
  return Buffer.from([value & 0xff, (value >> 8) & 0xff]);
}

/** An event packet with its header. */
export function encodeEvent(code: number, ...parameters: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parameters);
  if (body.length > 255) throw new RangeError('an event holds at most 255 octets');
  return Buffer.concat([Buffer.from([EVENT, code, body.length]), body]);
}

/** Command Complete (§7.7.14) with one command credit. */
export function encodeCommandComplete(opcode: number, status: number, result: Uint8Array = new Uint8Array()): Buffer {
  return encodeEvent(EVT_COMMAND_COMPLETE, Buffer.from([1]), u16(opcode), Buffer.from([status]), result);
}

/** Command Status (§7.7.15) with one command credit. */
export function encodeCommandStatus(opcode: number, status: number): Buffer {
  return encodeEvent(EVT_COMMAND_STATUS, Buffer.from([status, 1]), u16(opcode));
}

/** LE meta event (§7.7.65). */
export function encodeLeEvent(subevent: number, ...parameters: readonly Uint8Array[]): Buffer {
  return encodeEvent(EVT_LE_META, Buffer.from([subevent]), ...parameters);
}

/** An L2CAP frame cut into ACL packets of at most `aclLength` octets (Vol 4 Part E §5.4.2, Vol 3 Part A §3.1). */
export function encodeAcl(handle: number, cid: number, payload: Uint8Array, aclLength: number): Buffer[] {
  const frame = Buffer.concat([u16(payload.length), u16(cid), payload]);
  const packets: Buffer[] = [];
  for (let at = 0; at < frame.length; at += aclLength) {
    const part = frame.subarray(at, at + aclLength);
    const boundary = at === 0 ? 0b10 : 0b01; // first automatically flushable, continuing
    packets.push(Buffer.concat([Buffer.from([ACL_DATA]), u16(handle | (boundary << 12)), u16(part.length), part]));
  }
  return packets;
}

/** The six octets of `c0:ff:ee:00:00:01`, least significant first. */
export function encodeAddress(address: string): Buffer {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(address)) throw new RangeError('not a Bluetooth device address');
  return Buffer.from(address.replaceAll(':', ''), 'hex').reverse();
}

/** Lower-case address of six octets. */
export function decodeAddress(octets: Uint8Array): string {
  const pairs = Buffer.from(octets).reverse().toString('hex').match(/../g);
  return (pairs ?? []).join(':');
}

/** Subevent of the stamp, `V`. */
const STAMP_SUBEVENT = 0x56;

/**
 * The vendor event that stamps what follows with simulated time: `04 FF 09 56` and the instant as unsigned 64-bit
 * little-endian milliseconds since the Unix epoch. It holds until the next stamp.
 */
export function encodeStamp(instant: number): Buffer {
  const body = Buffer.alloc(9);
  body[0] = STAMP_SUBEVENT;
  body.writeBigUInt64LE(BigInt(instant), 1);
  return encodeEvent(EVT_VENDOR, body);
}
