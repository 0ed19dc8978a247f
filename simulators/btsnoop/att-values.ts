/** Where attribute values stand in ATT PDUs between a central and a device (Core 5.2 Vol 3 Part F §3.4). */
import * as att from '../hci/att-codes.ts';

/** One value, or a part of one, in a PDU. */
export interface AttValue {
  /** Undefined where the PDU does not say whose value it is. */
  readonly handle: number | undefined;
  /** Attribute type as it travels, where the request names it. */
  readonly type: Uint8Array | undefined;
  /** Place in the PDU. */
  readonly start: number;
  readonly end: number;
  /** Place in the value. */
  readonly offset: number;
}

/** A PDU with the request that it answers. */
export interface AttPdu {
  readonly direction: 'sent' | 'received';
  readonly bytes: Uint8Array;
  readonly request: Uint8Array | undefined;
}

/** Follows the exchange of one link: at most one request is open (§3.3.2). */
export class AttExchange {
  #request: Uint8Array | undefined;

  take(direction: 'sent' | 'received', bytes: Uint8Array): AttPdu {
    const opcode = bytes[0] ?? 0;
    if (direction === 'sent') {
      if (REQUESTS.has(opcode)) this.#request = bytes;
      return { direction, bytes, request: undefined };
    }
    const request = this.#request;
    const answers = request !== undefined && (opcode === request[0]! + 1 || opcode === att.ERROR);
    if (answers) this.#request = undefined;
    return { direction, bytes, request: answers ? request : undefined };
  }
}

const REQUESTS = new Set<number>([
  att.MTU_REQUEST,
  att.FIND_INFORMATION,
  att.FIND_BY_TYPE_VALUE,
  att.READ_BY_TYPE,
  att.READ,
  att.READ_BLOB,
  att.READ_BY_GROUP_TYPE,
  att.WRITE,
  att.PREPARE_WRITE,
  att.EXECUTE_WRITE,
]);
export const READ_BY_TYPE_RESPONSE = 0x09;
export const READ_RESPONSE = 0x0b;
export const READ_BLOB_RESPONSE = 0x0d;
export const READ_BY_GROUP_TYPE_RESPONSE = 0x11;
const PREPARE_WRITE_RESPONSE = 0x17;

/**
 * The values in a PDU; none for those that carry none. Undefined when it is malformed, or one of those by which the
 * central is asked as a server, or of a kind that says too little about itself (several values at once, signed writes).
 */
export function attValues({ direction, bytes, request }: AttPdu): readonly AttValue[] | undefined {
  return direction === 'sent' ? sentValues(bytes) : receivedValues(bytes, request);
}

function sentValues(pdu: Uint8Array): readonly AttValue[] | undefined {
  switch (pdu[0]) {
    case att.MTU_REQUEST:
      return pdu.length === 3 ? [] : undefined;
    case att.FIND_INFORMATION:
      return pdu.length === 5 ? [] : undefined;
    case att.READ_BY_TYPE:
    case att.READ_BY_GROUP_TYPE:
      return pdu.length === 7 || pdu.length === 21 ? [] : undefined;
    case att.READ:
      return pdu.length === 3 ? [] : undefined;
    case att.READ_BLOB:
      return pdu.length === 5 ? [] : undefined;
    case att.EXECUTE_WRITE:
      return pdu.length === 2 ? [] : undefined;
    case att.CONFIRMATION:
      return pdu.length === 1 ? [] : undefined;
    case att.FIND_BY_TYPE_VALUE:
      return pdu.length < 7 ? undefined : [value(undefined, pdu.subarray(5, 7), 7, pdu.length)];
    case att.WRITE:
    case att.WRITE_COMMAND:
      return ofHandle(pdu, 3);
    case att.PREPARE_WRITE:
      return ofHandle(pdu, 5);
    default:
      return undefined;
  }
}

function receivedValues(pdu: Uint8Array, request: Uint8Array | undefined): readonly AttValue[] | undefined {
  switch (pdu[0]) {
    case att.ERROR:
      return pdu.length === 5 ? [] : undefined;
    case att.MTU_REQUEST + 1:
      return pdu.length === 3 ? [] : undefined;
    case att.FIND_INFORMATION + 1: {
      const size = pdu[1] === 1 ? 4 : 18;
      return (pdu[1] === 1 || pdu[1] === 2) && (pdu.length - 2) % size === 0 ? [] : undefined;
    }
    case att.FIND_BY_TYPE_VALUE + 1:
      return (pdu.length - 1) % 4 === 0 ? [] : undefined;
    case att.WRITE + 1:
    case att.EXECUTE_WRITE + 1:
      return pdu.length === 1 ? [] : undefined;
    case READ_BY_TYPE_RESPONSE:
      return entries(pdu, 2, request?.subarray(5));
    case READ_BY_GROUP_TYPE_RESPONSE:
      return entries(pdu, 4, request?.subarray(5));
    case READ_RESPONSE:
      return [value(request && u16At(request, 1), undefined, 1, pdu.length)];
    case READ_BLOB_RESPONSE:
      return [value(request && u16At(request, 1), undefined, 1, pdu.length, request && u16At(request, 3))];
    case PREPARE_WRITE_RESPONSE:
      return ofHandle(pdu, 5);
    case att.NOTIFICATION:
    case att.INDICATION:
      return ofHandle(pdu, 3);
    default:
      return undefined;
  }
}

function value(
  handle: number | undefined,
  type: Uint8Array | undefined,
  start: number,
  end: number,
  offset = 0,
): AttValue {
  return { handle, type, start, end, offset };
}

function ofHandle(pdu: Uint8Array, start: number): readonly AttValue[] | undefined {
  if (pdu.length < start) return undefined;
  return [value(u16At(pdu, 1), undefined, start, pdu.length, start === 5 ? u16At(pdu, 3) : 0)];
}

/** Entries of one length: handle, for groups their last handle, and the value. */
function entries(pdu: Uint8Array, head: number, type: Uint8Array | undefined): readonly AttValue[] | undefined {
  const size = pdu[1] ?? 0;
  if (size < head || (pdu.length - 2) % size !== 0) return undefined;
  const values: AttValue[] = [];
  for (let at = 2; at < pdu.length; at += size) values.push(value(u16At(pdu, at), type, at + head, at + size));
  return values;
}

/** Two octets, least significant first; zero when they are not there. */
export function u16At(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}
