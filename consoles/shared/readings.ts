/** Lists of newest readings: one per vital sign and device. Pure; lists are never changed in place. */
import { type Newness, takesPlaceOf } from '../../protocol/newest-value.ts';
import { allVitalSigns } from '../../protocol/vital-signs.ts';
import type { AnchorCount, Reading } from './answers.ts';
import { countText } from './words.ts';

/** A reading on the page; `live` when it came while the page was open, and so may draw the eye. */
export interface ShownReading extends Reading {
  readonly live?: boolean;
}

const ORDER: readonly string[] = allVitalSigns().map(({ name }) => name);
const DEVICE_SIGNS = new Set(allVitalSigns().flatMap(({ name, category }) => (category === 'device' ? [name] : [])));

/** True for what is told of the device, such as its battery, rather than of the body. */
export function isDeviceSign({ vital }: Reading): boolean {
  return DEVICE_SIGNS.has(vital);
}

/** In the order of the vital-sign table, then by device, so that nothing moves while values change. */
export function sortReadings<R extends Reading>(readings: readonly R[]): R[] {
  const place = ({ vital }: Reading) => (ORDER.includes(vital) ? ORDER.indexOf(vital) : ORDER.length);
  return [...readings].sort((a, b) => place(a) - place(b) || (a.device < b.device ? -1 : a.device > b.device ? 1 : 0));
}

/** The list with a reading in its place. One that is or may be older changes nothing: late data never replaces fresh data. */
export function takeReading(list: readonly ShownReading[], reading: Reading): readonly ShownReading[] {
  const same = (other: Reading) => other.vital === reading.vital && other.device === reading.device;
  const known = list.find(same);
  if (!known) return [...list, { ...reading, live: true }];
  if (!takesPlaceOf(newnessOf(reading), newnessOf(known))) return list;
  if (known.id !== reading.id) return list.map((other) => (other === known ? { ...reading, live: true } : other));
  // The same reading again may come from an answer older than what is shown; what was in the log stays in the log.
  const next = { ...withAnchors(known, reading.anchors), inLog: known.inLog || reading.inLog };
  return list.map((other) => (other === known ? next : other));
}

/** What its place among other readings rests on. */
export function newnessOf({ flags, measuredAt, heardAt }: Reading): Newness {
  return { flags, measuredAt: Date.parse(measuredAt), heardAt: Date.parse(heardAt) };
}

/** The list after a checkpoint covered a reading, or more anchors came to hold it. */
export function markLogged(list: readonly ShownReading[], id: string, anchors?: AnchorCount): readonly ShownReading[] {
  return list.map((reading) => (reading.id === id ? { ...withAnchors(reading, anchors), inLog: true } : reading));
}

/** The reading with the count of anchors that holds more. */
function withAnchors(reading: ShownReading, anchors: AnchorCount | undefined): ShownReading {
  return anchors && anchors.held >= (reading.anchors?.held ?? 0) ? { ...reading, anchors } : reading;
}

/** When the gateway last heard anything of these; `undefined` for none. */
export function lastHeardAt(readings: readonly Reading[]): number | undefined {
  return readings.length === 0 ? undefined : Math.max(...readings.map(({ heardAt }) => Date.parse(heardAt)));
}

/** Of readings of one vital sign from several devices, the handle's first digits tell them apart; else nothing. */
export function deviceMark(reading: Reading, among: readonly Reading[]): string | undefined {
  const shared = among.some(({ vital, device }) => vital === reading.vital && device !== reading.device);
  return shared ? reading.device.slice(0, 4) : undefined;
}

/** One line for what devices say of themselves: "5 battery levels, lowest 81 %". */
export function deviceSignsText(readings: readonly Reading[]): string {
  const levels = readings.filter(({ vital }) => vital === 'battery').map(({ value }) => Number(value));
  if (levels.length < readings.length)
    return countText(readings.length, 'reading of the devices', 'readings of the devices');
  const known = levels.filter(Number.isFinite);
  const count = countText(levels.length, 'battery level');
  return known.length === 0 ? count : `${count}, lowest ${Math.min(...known)} %`;
}
