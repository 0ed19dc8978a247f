/** The file that names what a recording does not: phones remember the attribute tables of devices they are bonded with. */
import { Fault } from '../../protocol/fault.ts';
import type { Uuid } from '../hci/gatt-database.ts';
import type { CachedCharacteristic } from './attribute-table.ts';

const LINE = /^(0x[0-9a-f]{1,4}|\d{1,5})\s+(\S+)\s+(\S+)$/i;
const SHORT_UUID = /^(?:0x)?([0-9a-f]{4})$/i;
const LONG_UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const MAX_LINES = 65_535;

/**
 * One characteristic for each line: value handle, service UUID, characteristic UUID, such as `0x0012 1810 2a35`. Empty
 * lines and what follows a `#` are left out. Throws `malformed` with the number of the first line that is not so, that
 * names no handle, or one that was named before.
 */
export function parseCachedTable(text: string): Map<number, CachedCharacteristic> {
  const table = new Map<number, CachedCharacteristic>();
  const lines = text.split('\n');
  if (lines.length > MAX_LINES) throw new Fault('too-large', 'more lines than a device has handles');
  for (const [index, line] of lines.entries()) {
    const content = line.replace(/#.*/, '').trim();
    if (content === '') continue;
    const [, digits, first, second] = LINE.exec(content) ?? [];
    const handle = Number(digits);
    const service = parseUuid(first);
    const characteristic = parseUuid(second);
    const isHandle = handle >= 1 && handle <= 0xffff && !table.has(handle);
    if (!isHandle || service === undefined || characteristic === undefined) {
      throw new Fault('malformed', `line ${index + 1} is not a new handle and two UUIDs`);
    }
    table.set(handle, { service, characteristic });
  }
  return table;
}

function parseUuid(text: string | undefined): Uuid | undefined {
  const short = SHORT_UUID.exec(text ?? '')?.[1];
  if (short !== undefined) return Number.parseInt(short, 16);
  return text !== undefined && LONG_UUID.test(text) ? text.toLowerCase() : undefined;
}
