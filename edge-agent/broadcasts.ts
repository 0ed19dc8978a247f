/**
 * From what devices advertise to values: an advertisement says the same several times a second until there is something
 * new, and each thing that it says is taken once.
 */
import { encodeHex } from '../protocol/bytes.ts';
import { isFault } from '../protocol/fault.ts';
import { decodeBthome } from '../protocol/gatt/bthome.ts';
import type { Carrier } from '../protocol/gatt/measured-vital.ts';
import type { Notification } from './observe.ts';
import type { Broadcast, BroadcastData } from './radio/radio-events.ts';

/** A value that has no number of its own and stays the same is taken again after so long: it is still being measured. */
const REPEAT_MS = 60_000;

const BTHOME = 0xfcd2;
/** Scales that advertise a date with each weight. */
const XIAOMI: readonly number[] = [0x181d, 0x181b];
/** Company: its heart rates have a counter. */
const POLAR = 0x006b;

const CARRIERS: Readonly<Record<BroadcastData['kind'], Carrier>> = {
  service: 'service-data',
  manufacturer: 'manufacturer-data',
};

/** Most services and companies of which it is remembered what one device said; strangers can speak in its name. */
const MOST_SAID = 64;

/** What a device said last. */
interface Said {
  readonly octets: string;
  takenAtMs: number;
}

export class Broadcasts {
  /** By device, then by kind and identifier. */
  readonly #said = new Map<string, Map<string, Said>>();

  /** What is new in an advertisement. `uptimeMs` is monotonic, so a clock that is set does not repeat anything. */
  take({ device, data, heardAt, uptimeMs }: Broadcast): Notification[] {
    return data.flatMap(({ kind, id, octets }) => {
      if (!this.#isNew(device, { kind, id, octets }, uptimeMs)) return [];
      const value = { characteristic: id, carrier: CARRIERS[kind], value: octets };
      return [{ device, connection: 'advertisement', ...value, heardAt, link: 'advertisement' as const }];
    });
  }

  #isNew(device: string, data: BroadcastData, nowMs: number): boolean {
    const octets = encodeHex(data.octets);
    const key = `${data.kind} ${data.id}`;
    const known = this.#said.get(device) ?? new Map<string, Said>();
    this.#said.set(device, known);
    const said = known.get(key);
    if (said?.octets === octets && (isNumbered(data) || nowMs - said.takenAtMs < REPEAT_MS)) return false;
    // What was said longest ago goes first.
    known.delete(key);
    known.set(key, { octets, takenAtMs: nowMs });
    if (known.size > MOST_SAID) known.delete(known.keys().next().value!);
    return true;
  }
}

/** True for data that changes with every measurement, because it counts or dates them. */
function isNumbered({ kind, id, octets }: BroadcastData): boolean {
  if (kind === 'manufacturer') return id === POLAR;
  if (id !== BTHOME) return XIAOMI.includes(id);
  try {
    return decodeBthome(octets).values.some(([name]) => name === 'packetId');
  } catch (error) {
    if (isFault(error)) return false;
    throw error;
  }
}
