/** The requests by which a central learns an attribute table (Core 5.2 Vol 3 Part F §3.4.3, §3.4.4). Pure functions. */
import { ATTRIBUTE_NOT_FOUND, INVALID_HANDLE, INVALID_PDU, UNSUPPORTED_GROUP_TYPE } from './att-codes.ts';
import { type Attribute, type GattDatabase, PRIMARY_SERVICE } from './gatt-database.ts';
import { u16 } from './hci-packets.ts';

/** What a request finds: response parameters, or an ATT error code at a handle. */
export type Found = { readonly response: Buffer } | { readonly error: number; readonly handle: number };

/** Find Information (§3.4.3.1). */
export function findInformation(database: GattDatabase, request: Buffer, mtu: number): Found {
  const range = handleRange(request, 5);
  if ('error' in range) return range;
  const parts: Buffer[] = [];
  let size = 0;
  for (const attribute of inRange(database, range)) {
    const entry = 2 + attribute.type.length;
    if (size !== 0 && size !== entry) break;
    if (2 + (parts.length + 1) * entry > mtu) break;
    size = entry;
    parts.push(Buffer.concat([u16(attribute.handle), attribute.type]));
  }
  return answer(Buffer.from([size === 4 ? 1 : 2]), parts, range.start);
}

/** Find By Type Value (§3.4.3.3). */
export function findByTypeValue(database: GattDatabase, request: Buffer, mtu: number): Found {
  const range = handleRange(request, 7);
  if ('error' in range) return range;
  const type = request.subarray(5, 7);
  const value = request.subarray(7);
  const parts: Buffer[] = [];
  for (const attribute of inRange(database, range)) {
    if (!attribute.type.equals(type) || !attribute.read().equals(value)) continue;
    if (1 + (parts.length + 1) * 4 > mtu) break;
    parts.push(Buffer.concat([u16(attribute.handle), u16(attribute.end)]));
  }
  return answer(Buffer.alloc(0), parts, range.start);
}

/** Read By Type (§3.4.4.1) and Read By Group Type (§3.4.4.9). `read` knows values that depend on the link. */
export function readByType(
  database: GattDatabase,
  request: Buffer,
  link: {
    readonly mtu: number;
    protects(attribute: Attribute): number | undefined;
    read(attribute: Attribute): Buffer;
  },
  grouped: boolean,
): Found {
  const range = handleRange(request, 7);
  if ('error' in range) return range;
  const type = request.subarray(5);
  if (grouped && !type.equals(u16(PRIMARY_SERVICE))) return { error: UNSUPPORTED_GROUP_TYPE, handle: range.start };
  const head = grouped ? 4 : 2;
  const parts: Buffer[] = [];
  let size = 0;
  for (const attribute of inRange(database, range)) {
    if (!attribute.type.equals(type)) continue;
    const protection = link.protects(attribute);
    if (protection !== undefined) {
      if (parts.length === 0) return { error: protection, handle: attribute.handle };
      break;
    }
    const value = link.read(attribute).subarray(0, Math.min(link.mtu - 2 - head, 253));
    const entry = head + value.length;
    if (size !== 0 && size !== entry) break;
    if (2 + (parts.length + 1) * entry > link.mtu) break;
    size = entry;
    parts.push(Buffer.concat([u16(attribute.handle), grouped ? u16(attribute.end) : Buffer.alloc(0), value]));
  }
  return answer(Buffer.from([size]), parts, range.start);
}

interface HandleRange {
  readonly start: number;
  readonly end: number;
}

function handleRange(request: Buffer, least: number): HandleRange | { error: number; handle: number } {
  if (request.length < least) return { error: INVALID_PDU, handle: 0 };
  const start = request.readUInt16LE(1);
  const end = request.readUInt16LE(3);
  return start === 0 || start > end ? { error: INVALID_HANDLE, handle: start } : { start, end };
}

function inRange(database: GattDatabase, { start, end }: HandleRange): readonly Attribute[] {
  return database.between(start, end);
}

function answer(head: Buffer, parts: readonly Buffer[], start: number): Found {
  if (parts.length === 0) return { error: ATTRIBUTE_NOT_FOUND, handle: start };
  return { response: Buffer.concat([head, ...parts]) };
}
