/** A recorded device on the simulated air: its advertisement, its attributes, and its values at their times. */
import { checkName } from '../devices/device-services.ts';
import type { CharacteristicDeclaration, ServiceDeclaration, Uuid } from '../hci/gatt-database.ts';
import type { SimClock } from '../hci/sim-clock.ts';
import { VirtualPeripheral } from '../hci/virtual-peripheral.ts';
import { COMPLETE_NAME, structuresOf } from './advertising-names.ts';
import type { CapturedEvent, CapturedPeripheral } from './extract-peripheral.ts';
import { isAdvertisedName } from './redaction-rules.ts';

const GENERIC_ACCESS = 0x1800;
/** Octets of advertising data (Core 5.2 Vol 6 Part B §2.3.1). */
const MAX_ADVERTISING = 31;

export interface ReplayOptions {
  /** Six octets in hex with colons; the recorded one if left out. */
  readonly address?: string;
  /** At most 29 octets; must contain HTEST. */
  readonly name?: string;
}

export interface ReplayOutcome {
  /** Values that the host has, or has confirmed. */
  readonly played: number;
  /** Values that nobody subscribed to, or that the device cannot send: their characteristic is not known. */
  readonly unheard: number;
}

export class ReplayPeripheral extends VirtualPeripheral {
  override readonly scanResponse: Buffer;
  readonly capture: CapturedPeripheral;
  readonly #firstHandles = new Map<Uuid, number>();

  constructor(capture: CapturedPeripheral, { address = capture.address, name = 'HTEST replay' }: ReplayOptions = {}) {
    const played = capture.services.filter(({ uuid }) => uuid !== GENERIC_ACCESS);
    super({
      address,
      addressType: capture.addressType,
      name: checkName(name),
      advertises: [],
      services: played.map(declare),
      ...(capture.rssi !== undefined && { rssi: capture.rssi }),
    });
    this.capture = capture;
    for (const { uuid, handle } of played.flatMap(({ characteristics }) => characteristics)) {
      if (!this.#firstHandles.has(uuid)) this.#firstHandles.set(uuid, handle);
    }
    this.advertisement = withoutNames(capture.advertisement ?? Uint8Array.of(2, 0x01, 0x06));
    this.scanResponse = withName(withoutNames(capture.scanResponse ?? new Uint8Array()), name);
  }

  /** Characteristics of which the recording holds values that can be played, each once. */
  get speaks(): readonly Uuid[] {
    const all = this.capture.events.flatMap((event) => this.sourceOf(event) ?? []);
    return [...new Set(all)];
  }

  /**
   * The characteristic by which an event can be sent; undefined when the table does not name it. Of several with one
   * UUID it is the first: the others cannot be told from it.
   */
  sourceOf(event: CapturedEvent): Uuid | undefined {
    if (event.kind !== 'value' || event.characteristic === undefined) return undefined;
    return this.#firstHandles.get(event.characteristic) === event.handle ? event.characteristic : undefined;
  }
}

/**
 * A virtual peripheral from a recording. Generic Access is its own, with a name that says HTEST; names that were
 * advertised are left out.
 */
export function createReplayPeripheral(capture: CapturedPeripheral, options?: ReplayOptions): ReplayPeripheral {
  return new ReplayPeripheral(capture, options);
}

/**
 * Plays what several devices of one recording said, in the order of its times. `clock` is the controller's: it is set to
 * the time of each value, which is then sent in the way the host subscribed to, and waited for. A device that hung up
 * in the recording does so here; what it said next waits until the host has subscribed again to all it had before.
 *
 * `pace` is waited for before each step, with the time that it is of; without it, a recording goes as fast as the host
 * takes it. Subscribe before it is called: see {@link ReplayPeripheral.speaks} and `whenSubscribed()`. A value without a
 * subscription is counted and passed over, as on the air.
 */
export async function playCaptures(
  devices: readonly ReplayPeripheral[],
  clock: SimClock,
  pace?: (at: number) => Promise<void>,
): Promise<ReplayOutcome> {
  const steps = devices
    .flatMap((device) => device.capture.events.map((event) => ({ device, event })))
    .sort((a, b) => a.event.at - b.event.at);
  const awaited = new Map<ReplayPeripheral, readonly Uuid[]>();
  let played = 0;
  let unheard = 0;
  for (const { device, event } of steps) {
    await pace?.(event.at);
    if (event.kind === 'disconnected') {
      if (!isLastLink(device, event) && device.connected) {
        awaited.set(
          device,
          device.speaks.filter((uuid) => device.isSubscribed(uuid)),
        );
        clock.set(event.at);
        device.disconnect();
      }
    } else if (event.kind === 'value') {
      for (const uuid of awaited.get(device) ?? []) await device.whenSubscribed(uuid);
      awaited.delete(device);
      clock.set(event.at);
      const uuid = device.sourceOf(event);
      if (uuid !== undefined && (await device.send(uuid, event.value))) played++;
      else unheard++;
    }
  }
  return { played, unheard };
}

/** Nothing was said after it, so nobody need be sent away. */
function isLastLink(device: ReplayPeripheral, event: CapturedEvent): boolean {
  const { events } = device.capture;
  return !events.slice(events.indexOf(event)).some(({ kind }) => kind === 'value');
}

function declare({ uuid, characteristics }: CapturedPeripheral['services'][number]): ServiceDeclaration {
  return {
    uuid,
    characteristics: characteristics.map(
      ({ uuid, properties, value }): CharacteristicDeclaration => ({ uuid, properties, ...(value && { value }) }),
    ),
  };
}

function withoutNames(data: Uint8Array): Buffer {
  const kept = structuresOf(data).filter(({ type }) => !isAdvertisedName(type));
  return Buffer.concat(kept.map(({ start, end }) => data.subarray(start - 2, end))).subarray(0, MAX_ADVERTISING);
}

function withName(data: Buffer, name: string): Buffer {
  const octets = Buffer.from(name, 'utf8');
  const structure = Buffer.concat([Buffer.from([octets.length + 1, COMPLETE_NAME]), octets]);
  // What else was in the scan response gives way to a name that says what this is.
  return data.length + structure.length <= MAX_ADVERTISING ? Buffer.concat([data, structure]) : structure;
}
