/** A wearable of a run: the one on the air, its twin on the bench, and what becomes of what they measure. */
import { encodeHex } from '../../protocol/bytes.ts';
import { type Instant, instantToWallClock } from '../../protocol/time.ts';
import type { Person } from '../body/physiology.ts';
import { RacpServer } from '../devices/racp-server.ts';
import type { Uuid } from '../hci/gatt-database.ts';
import type { VirtualPeripheral } from '../hci/virtual-peripheral.ts';
import type { PlannedDevice, PlannedPerson } from './expand.ts';
import type { Outcomes } from './outcomes.ts';
import type { RawValue } from './truth.ts';
import type { Taken } from './wearable-model.ts';
import { WEARABLE_MODELS } from './wearables.ts';

export interface RunDevice {
  readonly plan: PlannedDevice;
  /** On the air. */
  readonly peripheral: VirtualPeripheral;
  readonly keeps: 'live' | 'stored' | 'broadcast';
  /** Somebody has subscribed to what it measures; never so of a broadcast. */
  readonly heard: boolean;
  /** What it measures at an instant and what it is going to send for that; it has not been told yet. */
  prepare(at: Instant): Promise<Prepared>;
  /** Takes the measurement. Resolves when the device has done what it does at once. */
  measure(n: number, prepared: Prepared): Promise<void>;
  /** A value of its own has reached the host. */
  onValue(handle: number, value: Uint8Array): void;
  onAdvertisement(report: Buffer): void;
}

export interface Prepared {
  readonly taken: Taken;
  readonly raw: readonly RawValue[];
  readonly ways: readonly (readonly RawValue[])[];
}

export interface RunDeviceOptions {
  readonly plan: PlannedDevice;
  readonly wearer: PlannedPerson;
  readonly person: Person;
  readonly startedAt: Instant;
  readonly outcomes: Outcomes;
}

export function createRunDevice({ plan, wearer, person, startedAt, outcomes }: RunDeviceOptions): RunDevice {
  const { id, kind, address, everyMs, options } = plan;
  const { keeps, carrier, create, take } = WEARABLE_MODELS[kind];
  const serial = `HTEST-${address.replaceAll(':', '').slice(-6)}`;
  const make = () => create({ ...options, address, name: nameOf(kind, id), serial }, startedAt);
  const [peripheral, bench] = [make(), make()];
  // Segments are cut by the MTU of the link.
  Object.defineProperty(bench, 'mtu', { get: () => peripheral.mtu });
  const benched: RawValue[] = [];
  bench.send = async (characteristic, value) => {
    benched.push(rawOf(characteristic, value));
    return true;
  };
  const send = peripheral.send.bind(peripheral);
  peripheral.send = async (characteristic, value) => {
    const sent = await send(characteristic, value);
    if (sent) outcomes.sent(id, rawOf(characteristic, value));
    return sent;
  };
  /** What is advertised now, and not yet heard. */
  let advertised: { readonly octets: Buffer; readonly raw: RawValue } | undefined;

  async function prepare(at: Instant): Promise<Prepared> {
    const shown = instantToWallClock(at, wearer.zoneMin);
    const taken = take(person, { at, everyMs, shown, startedAt, zoneMin: wearer.zoneMin });
    benched.length = 0;
    await taken.act(bench);
    if (keeps === 'broadcast') {
      const raw = [rawOf(carrier, serviceDataOf(bench.advertisement, carrier))];
      return { taken, raw, ways: [raw] };
    }
    const raw = [...benched];
    const record = 'memory' in bench && bench.memory instanceof RacpServer ? bench.memory.records.at(-1) : undefined;
    const stored = record?.values.map(({ characteristic, value }) => rawOf(characteristic, value));
    return { taken, raw, ways: stored ? [raw, stored] : [raw] };
  }

  return {
    plan,
    peripheral,
    keeps,
    get heard() {
      return keeps !== 'broadcast' && peripheral.isSubscribed(carrier);
    },
    prepare,

    async measure(n, { taken, raw, ways }) {
      if (keeps === 'broadcast') outcomes.replaced(id);
      const settled = outcomes.expect({ n, device: id, keeps, ways });
      if (keeps === 'broadcast') {
        advertised = { octets: Buffer.from(raw[0]!.hex, 'hex'), raw: raw[0]! };
        await taken.act(peripheral);
        await settled;
        return;
      }
      await taken.act(peripheral);
      if (keeps === 'live') outcomes.passed(id, n);
    },

    onValue(handle, value) {
      const type = peripheral.database.at(handle)?.type;
      if (type?.length === 2) outcomes.arrived(id, rawOf(type.readUInt16LE(0), value));
    },

    onAdvertisement(report) {
      if (!advertised || !report.includes(advertised.octets)) return;
      const { raw } = advertised;
      advertised = undefined;
      outcomes.arrived(id, raw);
    },
  };
}

/** A name that an advertisement of a broadcaster holds beside its data, and by which its family is known. */
function nameOf(kind: PlannedDevice['kind'], id: string): string {
  if (kind === 'bthome') return 'HTEST';
  return (kind === 'mi-scale' ? `MI_SCALE HTEST ${id}` : `HTEST ${id}`).slice(0, 29);
}

function rawOf(characteristic: Uuid, value: Uint8Array): RawValue {
  const name = typeof characteristic === 'number' ? characteristic.toString(16).padStart(4, '0') : characteristic;
  return { characteristic: name, hex: encodeHex(value) };
}

const SERVICE_DATA = 0x16;

/** Octets behind the UUID of the service data in an advertisement (Core 5.2 Vol 3 Part C §11). */
function serviceDataOf(advertisement: Buffer, uuid: number): Uint8Array {
  for (let at = 0; at < advertisement.length; at += 1 + advertisement[at]!) {
    const end = at + 1 + advertisement[at]!;
    if (advertisement[at + 1] !== SERVICE_DATA || advertisement.readUInt16LE(at + 2) !== uuid) continue;
    return Uint8Array.from(advertisement.subarray(at + 4, end));
  }
  return new Uint8Array();
}
