/**
 * What happened in a recording made by a central: advertisements, links, and whole L2CAP frames put together from their
 * fragments (Core 5.2 Vol 4 Part E §7.7.65, §5.4.2; Vol 3 Part A §3.1). Whatever is cut, malformed, or belongs to a link
 * whose beginning was not recorded is an `other` step.
 */
import {
  ACL_DATA,
  decodeAddress,
  EVENT,
  EVT_DISCONNECTION_COMPLETE,
  EVT_LE_META,
  LE_ADVERTISING_REPORT,
  LE_CONNECTION_COMPLETE,
} from '../hci/hci-packets.ts';
import type { CaptureRecord } from './btsnoop-file.ts';

const LE_ENHANCED_CONNECTION_COMPLETE = 0x0a;
const LE_EXTENDED_ADVERTISING_REPORT = 0x0d;
/** Handles are 12 bits; the rest of the field are flags (Vol 4 Part E §5.4.2). */
const HANDLE_MASK = 0x0fff;
const CONTINUING = 0b01;
const L2CAP_HEADER = 4;
/** No controller cuts a frame smaller than this allows; a longer chain is no frame. */
const MAX_FRAGMENTS = 4096;

export interface Report {
  /** Lower case with colons. */
  readonly address: string;
  readonly addressType: 'public' | 'random';
  readonly isScanResponse: boolean;
  /** dBm; 127 is unknown. */
  readonly rssi: number;
  readonly data: Uint8Array;
}

/** One link; the same object in all its steps. */
export interface CapturedLink {
  readonly handle: number;
  readonly address: string;
  readonly addressType: 'public' | 'random';
}

/** `index` is the record that completed the step. */
export type CaptureStep = { readonly index: number; readonly record: CaptureRecord } & (
  | { readonly kind: 'reports'; readonly reports: readonly Report[] }
  | { readonly kind: 'connected'; readonly link: CapturedLink }
  | { readonly kind: 'disconnected'; readonly link: CapturedLink; readonly reason: number }
  | {
      readonly kind: 'frame';
      readonly link: CapturedLink;
      readonly cid: number;
      readonly payload: Uint8Array;
      /** Records whose data, behind five octets of header, make up the frame. */
      readonly fragments: readonly number[];
    }
  | { readonly kind: 'other' }
);

interface Beginning {
  readonly fragments: number[];
  readonly parts: Buffer[];
  length: number;
}

/** The steps in the order of the recording. Never throws. */
export function* stepsOf(records: readonly CaptureRecord[]): Generator<CaptureStep> {
  const links = new Map<number, CapturedLink>();
  const partials = new Map<string, Beginning>();

  for (const [index, record] of records.entries()) {
    const packet = Buffer.from(record.packet.buffer, record.packet.byteOffset, record.packet.length);
    const here = { index, record };
    if (packet[0] === ACL_DATA && packet.length >= 5) {
      const link = links.get(packet.readUInt16LE(1) & HANDLE_MASK);
      const frame = link && addFragment(partials, `${link.handle} ${record.direction}`, index, record.cut, packet);
      if (link && frame) yield { ...here, kind: 'frame', link, ...frame };
      else yield { ...here, kind: 'other' };
      continue;
    }
    const isEvent = packet[0] === EVENT && !record.cut && packet.length >= 3 && packet.length === 3 + packet[2]!;
    if (!isEvent || record.direction !== 'received') {
      yield { ...here, kind: 'other' };
      continue;
    }
    const opened = linkOpenedBy(packet);
    const reports = reportsOf(packet);
    if (opened) {
      links.set(opened.handle, opened);
      forget(partials, opened.handle);
      yield { ...here, kind: 'connected', link: opened };
    } else if (reports) {
      yield { ...here, kind: 'reports', reports };
    } else if (packet[1] === EVT_DISCONNECTION_COMPLETE && packet.length === 7 && packet[3] === 0) {
      const link = links.get(packet.readUInt16LE(4) & HANDLE_MASK);
      if (link) {
        links.delete(link.handle);
        forget(partials, link.handle);
        yield { ...here, kind: 'disconnected', link, reason: packet[6]! };
      } else yield { ...here, kind: 'other' };
    } else {
      yield { ...here, kind: 'other' };
    }
  }
}

function forget(partials: Map<string, Beginning>, handle: number): void {
  partials.delete(`${handle} sent`);
  partials.delete(`${handle} received`);
}

function addFragment(
  partials: Map<string, Beginning>,
  key: string,
  index: number,
  cut: boolean,
  packet: Buffer,
): { cid: number; payload: Uint8Array; fragments: readonly number[] } | undefined {
  const isContinuing = ((packet.readUInt16LE(1) >> 12) & 0b11) === CONTINUING;
  const data = packet.subarray(5);
  const partial = isContinuing ? partials.get(key) : { fragments: [], parts: [], length: 0 };
  partials.delete(key);
  if (!partial || cut || partial.fragments.length === MAX_FRAGMENTS || data.length !== packet.readUInt16LE(3))
    return undefined;
  partial.fragments.push(index);
  partial.parts.push(data);
  partial.length += data.length;
  const first = partial.parts[0]!;
  // A header that is itself fragmented is allowed, and rare.
  const head = first.length >= L2CAP_HEADER ? first : Buffer.concat(partial.parts);
  const whole = head.length < L2CAP_HEADER ? undefined : L2CAP_HEADER + head.readUInt16LE(0);
  if (whole === undefined || partial.length < whole) {
    partials.set(key, partial);
    return undefined;
  }
  if (partial.length > whole) return undefined;
  const frame = Buffer.concat(partial.parts);
  return {
    cid: frame.readUInt16LE(2),
    payload: new Uint8Array(frame.subarray(L2CAP_HEADER)),
    fragments: partial.fragments,
  };
}

/** LE Connection Complete and its enhanced form begin alike (Vol 4 Part E §7.7.65.1, §7.7.65.10). */
function linkOpenedBy(packet: Buffer): CapturedLink | undefined {
  if (packet[1] !== EVT_LE_META || packet[4] !== 0) return undefined;
  const isKnown =
    (packet[3] === LE_CONNECTION_COMPLETE && packet.length === 22) ||
    (packet[3] === LE_ENHANCED_CONNECTION_COMPLETE && packet.length === 34);
  // Role 0 is central: of a link in the other role, the host is the device.
  if (!isKnown || packet[7] !== 0) return undefined;
  return {
    handle: packet.readUInt16LE(5) & HANDLE_MASK,
    addressType: isRandom(packet[8]!) ? 'random' : 'public',
    address: decodeAddress(packet.subarray(9, 15)),
  };
}

/** Types 2 and 3 are identities, public and random, of an address that the controller resolved (§7.7.65.10). */
function isRandom(addressType: number): boolean {
  return (addressType & 1) === 1;
}

/** Reports of an LE Advertising Report or its extended form (§7.7.65.2, §7.7.65.13); undefined when it is neither. */
function reportsOf(packet: Buffer): Report[] | undefined {
  if (packet[1] !== EVT_LE_META || packet.length < 5) return undefined;
  const isExtended = packet[3] === LE_EXTENDED_ADVERTISING_REPORT;
  if (!isExtended && packet[3] !== LE_ADVERTISING_REPORT) return undefined;
  const reports: Report[] = [];
  let at = 5;
  for (let left = packet[4]!; left > 0; left--) {
    const head = isExtended ? 24 : 9;
    if (at + head > packet.length) return undefined;
    const typeAt = isExtended ? at + 2 : at + 1;
    const length = packet[at + head - 1]!;
    const end = at + head + length + (isExtended ? 0 : 1);
    if (end > packet.length) return undefined;
    reports.push({
      addressType: isRandom(packet[typeAt]!) ? 'random' : 'public',
      address: decodeAddress(packet.subarray(typeAt + 1, typeAt + 7)),
      isScanResponse: isExtended ? (packet[at]! & 0b1000) !== 0 : packet[at] === 0x04,
      rssi: packet.readInt8(isExtended ? at + 13 : end - 1),
      data: new Uint8Array(packet.subarray(at + head, at + head + length)),
    });
    at = end;
  }
  return at === packet.length ? reports : undefined;
}
