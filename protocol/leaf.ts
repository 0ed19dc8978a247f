/**
 * What an agent attests, one leaf each: a reading, a coverage interval, a coincident clock, a device, or a correction
 * (correction-leaf.ts). A leaf is a CBOR map with integer keys (docs/format.md §4); its bytes are kept as signed and never encoded again.
 */
import { CborFields, type CborValue, decodeCbor, encodeCbor, sensorValueFromCbor, sensorValueToCbor } from './cbor.ts';
import { type CorrectionLeaf, correctionFields, readCorrection } from './correction-leaf.ts';
import type { SensorValue } from './decimal.ts';
import { Fault } from './fault.ts';
import { CARRIERS, type Carrier } from './gatt/measured-vital.ts';
import {
  assertFlags,
  oneOf,
  present,
  readComponent,
  readInstant,
  readOffset,
  readTrue,
  readWallClock,
  readZone,
  TOKEN,
} from './leaf-fields.ts';
import type { Instant, WallClock } from './time.ts';

/** One vital sign at one instant from one device. */
export interface ReadingLeaf {
  readonly kind: 'reading';
  /** Thumbprint of the patient's first key, 32 octets. */
  readonly subject: Uint8Array;
  /** {@link deviceHandle}, 16 octets. */
  readonly device: Uint8Array;
  /** MDC code (row of the vital-sign table). */
  readonly vital: number;
  /** When it was measured: device clock where the device has one, else the gateway's. */
  readonly measuredAt: Instant;
  /** Whose clock `measuredAt` is. */
  readonly measuredBy: 'device' | 'gateway';
  /** Gateway clock when the bytes arrived. */
  readonly heardAt: Instant;
  /** Gateway's monotonic clock, ms since its start; absent where a transport brings its own clock. */
  readonly uptimeMs?: number;
  /** Minutes east of UTC: the device's where it says so, else the gateway's. */
  readonly zoneMin: number;
  /** What the device's own clock showed; absent when it sent no date and time. */
  readonly deviceClock?: WallClock;
  /** What was added to the device's clock to get `measuredAt`, ms; absent where its clock was right or not known. */
  readonly clockOffsetMs?: number;
  /** The device kept the value for a while before it sent it, as far as the agent knows; false is not "fresh". */
  readonly stored?: true;
  /** How far the gateway's own clock may have been wrong, ms; absent where nobody says. */
  readonly heardWithinMs?: number;
  /** How the value was heard; absent where the agent did not say. */
  readonly link?: LinkSecurity;
  /** Absent for a panel. */
  readonly value?: SensorValue;
  /** Parts of a panel, such as systolic and diastolic. */
  readonly components?: readonly { readonly vital: number; readonly value: SensorValue }[];
  /** UCUM, as the sensor gave it. */
  readonly unit: string;
  /** Quality tokens, sorted. */
  readonly flags: readonly string[];
  /** True for simulated, replayed and demonstration data (FHIR HTEST). */
  readonly test: boolean;
  /** 16-bit UUID of the characteristic that carried it; with a carrier, of the service or company that it stood under. */
  readonly characteristic: number;
  /** How it was advertised; absent for the value of a characteristic. */
  readonly carrier?: Carrier;
  /** The characteristic value, or the one record of it that holds this reading. */
  readonly raw: Uint8Array;
  /** CGM session start time characteristic (2AAA) on which the time offset counts. */
  readonly sessionStart?: Uint8Array;
  /** Device profile whose value quirk the raw bytes were read by; absent where they were read by the standard. */
  readonly profile?: string;
  /** The other value that this reading rests on: glucose context 2A34, or the first of two values 2A9C. */
  readonly companion?: Uint8Array;
  /** Value of the feature characteristic that says which status of the raw bytes means something. */
  readonly feature?: Uint8Array;
  /** 0, or n for the nth true repeat of the same bytes at the same instant. */
  readonly ordinal: number;
}

/** What was known of a device in an interval, including that nothing was heard. */
export interface CoverageLeaf {
  readonly kind: 'coverage';
  readonly subject: Uint8Array;
  readonly device: Uint8Array;
  readonly from: Instant;
  readonly to: Instant;
  readonly state: CoverageState;
  /** On the first coverage leaf of each subject in a batch; absent where an older agent did not count. */
  readonly tally?: Tally;
  readonly test: boolean;
}

/** What a batch holds of one subject, so that nothing of it can be hidden: said by the agent, beside the leaves. */
export interface Tally {
  /** Reading leaves of the subject in this batch; they stand right before its coverage leaves. */
  readonly readings: number;
  /** Coverage leaves of the subject in this batch, this one included. */
  readonly coverages: number;
  /** Sequence of the agent's last batch before this one that held leaves of the subject; 0 for none. */
  readonly after: number;
}

/**
 * States that an agent can attest; what only the service can know is added there. `no-link`: heard, but the adapter had
 * no link to spare; `device-off`: gone with an empty battery; `paused`: no consent to collect; `buffer-overflow`: the
 * agent had no room for readings; `unpaired`, of no length: it speaks for the device no more.
 */
export const COVERAGE_STATES = [
  'received',
  'silent',
  'out-of-range',
  'no-link',
  'device-off',
  'agent-off',
  'paused',
  'buffer-overflow',
  'unpaired',
] as const;
export type CoverageState = (typeof COVERAGE_STATES)[number];

/** A device's clock against the gateway's at one instant (HL7 PHD coincident timestamp). */
export interface ClockLeaf {
  readonly kind: 'clock';
  readonly subject: Uint8Array;
  readonly device: Uint8Array;
  readonly deviceClock: WallClock;
  readonly heardAt: Instant;
  /** Milliseconds by which `heardAt` may be wrong, either way; absent where nobody knows. */
  readonly uncertaintyMs?: number;
  /** How setting the clock ended just before; absent when nobody tried. */
  readonly set?: ClockSetting;
  readonly test: boolean;
}

/** Done and read back; refused by the device; accepted by the device, but its clock does not show it. */
export const CLOCK_SETTINGS = ['set', 'refused', 'not-verified'] as const;
export type ClockSetting = (typeof CLOCK_SETTINGS)[number];

/** Who the device says it is, and how the link to it was secured. */
export interface DeviceLeaf {
  readonly kind: 'device';
  readonly subject: Uint8Array;
  readonly device: Uint8Array;
  readonly heardAt: Instant;
  readonly address: string;
  readonly addressType: 'public' | 'random';
  readonly link: LinkSecurity;
  readonly name?: string;
  readonly manufacturer?: string;
  readonly model?: string;
  readonly serial?: string;
  readonly firmware?: string;
  readonly test: boolean;
}

/** How a value was heard. */
export const LINK_SECURITIES = ['advertisement', 'unbonded', 'bonded', 'secure-connections'] as const;
export type LinkSecurity = (typeof LINK_SECURITIES)[number];

export type Leaf = ReadingLeaf | CoverageLeaf | ClockLeaf | DeviceLeaf | CorrectionLeaf;

/** Numbers of the leaf kinds on the wire; they order the leaves of a batch. */
export const LEAF_KINDS = { reading: 1, coverage: 2, clock: 3, device: 4, correction: 5 } as const;

const MEASURED_BY = ['gateway', 'device'] as const;

/** Deterministic bytes of a leaf: what is salted, hashed and, inside the envelope, sent. Throws `range`. */
export function encodeLeaf(leaf: Leaf): Uint8Array {
  const fields = new Map<number, CborValue>([
    [0, LEAF_KINDS[leaf.kind]],
    [1, leaf.subject],
    [2, leaf.device],
  ]);
  const put = (key: number, value: CborValue | undefined) => {
    // What could be written and not be read again would be sealed by nobody, for ever.
    if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new Fault('range', 'not a whole number');
    if (value !== undefined) fields.set(key, value);
  };
  switch (leaf.kind) {
    case 'reading':
      put(3, leaf.vital);
      put(4, leaf.measuredAt);
      put(5, MEASURED_BY.indexOf(leaf.measuredBy));
      put(6, leaf.heardAt);
      put(7, leaf.value && sensorValueToCbor(leaf.value));
      put(
        8,
        leaf.components?.map(({ vital, value }) => [vital, sensorValueToCbor(value)]),
      );
      put(9, leaf.unit);
      put(10, leaf.flags.length > 0 ? leaf.flags : undefined);
      put(12, leaf.characteristic);
      put(13, leaf.raw);
      put(14, leaf.deviceClock);
      put(15, leaf.zoneMin);
      put(16, leaf.sessionStart);
      put(17, leaf.ordinal > 0 ? leaf.ordinal : undefined);
      put(28, leaf.uptimeMs);
      put(29, leaf.profile);
      put(30, leaf.companion);
      put(31, leaf.feature);
      put(32, leaf.carrier && CARRIERS.indexOf(leaf.carrier) + 1);
      put(37, leaf.heardWithinMs);
      put(38, leaf.clockOffsetMs);
      put(39, leaf.stored);
      put(40, leaf.link);
      break;
    case 'coverage':
      put(4, leaf.from);
      put(18, leaf.to);
      put(19, leaf.state);
      put(41, leaf.tally && [leaf.tally.readings, leaf.tally.coverages, leaf.tally.after]);
      break;
    case 'clock':
      put(6, leaf.heardAt);
      put(14, leaf.deviceClock);
      put(35, leaf.uncertaintyMs);
      put(36, leaf.set);
      break;
    case 'device':
      put(6, leaf.heardAt);
      put(20, leaf.address);
      put(21, leaf.addressType);
      put(22, leaf.link);
      put(23, deviceText(leaf.name));
      put(24, deviceText(leaf.manufacturer));
      put(25, deviceText(leaf.model));
      put(26, deviceText(leaf.serial));
      put(27, deviceText(leaf.firmware));
      break;
    case 'correction':
      for (const [key, value] of correctionFields(leaf)) put(key, value);
      break;
  }
  put(11, leaf.test ? true : undefined);
  return encodeCbor(fields);
}

/** A device may call itself anything; what CBOR text cannot hold (cbor.ts) must not keep its batch from being sealed. */
function deviceText(text: string | undefined): string | undefined {
  return text?.toWellFormed().replace(/^\ufeff+/, '');
}

/** The leaf of its bytes. Throws `malformed` or `not-canonical`; unknown fields are refused. */
export function decodeLeaf(bytes: Uint8Array): Leaf {
  const fields = new CborFields(decodeCbor(bytes));
  const kind = fields.uint(0);
  const common = { subject: fields.bytes(1, 32), device: fields.bytes(2, 16), test: readTrue(fields, 11) };
  const leaf = readKind(kind, common, fields);
  fields.end();
  return leaf;
}

type Common = Pick<Leaf, 'subject' | 'device' | 'test'>;

function readKind(kind: number, common: Common, fields: CborFields): Leaf {
  switch (kind) {
    case LEAF_KINDS.reading:
      return readReading(common, fields);
    case LEAF_KINDS.coverage:
      return {
        kind: 'coverage',
        ...common,
        from: readInstant(fields, 4),
        to: readInstant(fields, 18),
        state: oneOf(COVERAGE_STATES, fields.text(19)),
        ...present('tally', fields.has(41) ? readTally(fields.array(41)) : undefined),
      };
    case LEAF_KINDS.clock:
      return {
        kind: 'clock',
        ...common,
        heardAt: readInstant(fields, 6),
        deviceClock: readWallClock(fields, 14),
        ...present('uncertaintyMs', fields.optional(35, fields.uint)),
        ...present('set', fields.has(36) ? oneOf(CLOCK_SETTINGS, fields.text(36)) : undefined),
      };
    case LEAF_KINDS.device:
      return {
        kind: 'device',
        ...common,
        heardAt: readInstant(fields, 6),
        address: fields.text(20),
        addressType: oneOf(['public', 'random'] as const, fields.text(21)),
        link: oneOf(LINK_SECURITIES, fields.text(22)),
        ...present('name', fields.optional(23, fields.text)),
        ...present('manufacturer', fields.optional(24, fields.text)),
        ...present('model', fields.optional(25, fields.text)),
        ...present('serial', fields.optional(26, fields.text)),
        ...present('firmware', fields.optional(27, fields.text)),
      };
    case LEAF_KINDS.correction:
      return readCorrection(common, fields);
    default:
      throw new Fault('malformed', 'unknown leaf kind');
  }
}

function readReading(common: Common, fields: CborFields): ReadingLeaf {
  const flags = fields.optional(10, fields.texts) ?? [];
  const ordinal = fields.optional(17, fields.uint) ?? 0;
  if ((fields.has(10) && flags.length === 0) || (fields.has(17) && ordinal === 0)) {
    throw new Fault('not-canonical', 'an empty field is left out');
  }
  const measuredBy = MEASURED_BY[fields.uint(5)];
  if (measuredBy === undefined) throw new Fault('malformed', 'unknown clock');
  const leaf: ReadingLeaf = {
    kind: 'reading',
    ...common,
    vital: fields.uint(3),
    measuredAt: readInstant(fields, 4),
    measuredBy,
    heardAt: readInstant(fields, 6),
    ...present('uptimeMs', fields.optional(28, fields.uint)),
    zoneMin: readZone(fields),
    ...present('deviceClock', fields.has(14) ? readWallClock(fields, 14) : undefined),
    ...present('clockOffsetMs', fields.has(38) ? readOffset(fields, 38) : undefined),
    ...(readTrue(fields, 39) ? { stored: true as const } : {}),
    ...present('heardWithinMs', fields.optional(37, fields.uint)),
    ...present('link', fields.has(40) ? oneOf(LINK_SECURITIES, fields.text(40)) : undefined),
    ...present('value', fields.has(7) ? sensorValueFromCbor(fields.any(7)) : undefined),
    ...present('components', fields.has(8) ? fields.array(8).map(readComponent) : undefined),
    unit: fields.text(9),
    flags,
    characteristic: fields.uint(12),
    raw: fields.bytes(13),
    ...present('sessionStart', fields.optional(16, fields.bytes)),
    ...present('profile', fields.optional(29, fields.text)),
    ...present('companion', fields.optional(30, fields.bytes)),
    ...present('feature', fields.optional(31, fields.bytes)),
    ...present('carrier', fields.has(32) ? readCarrier(fields.uint(32)) : undefined),
    ordinal,
  };
  if ((leaf.value === undefined) === (leaf.components === undefined)) {
    throw new Fault('malformed', 'a reading has either a value or components');
  }
  assertFlags(flags);
  if (leaf.profile !== undefined && !TOKEN.test(leaf.profile)) throw new Fault('malformed', 'not a device profile');
  return leaf;
}

function readTally(parts: readonly CborValue[]): Tally {
  const [readings, coverages, after] = parts;
  const isCount = (value: CborValue | undefined): value is number =>
    Number.isSafeInteger(value) && (value as number) >= 0;
  if (parts.length !== 3 || !isCount(readings) || !isCount(coverages) || !isCount(after) || coverages === 0) {
    throw new Fault('malformed', 'not a tally');
  }
  return { readings, coverages, after };
}

function readCarrier(number: number): Carrier {
  const carrier = CARRIERS[number - 1];
  if (carrier === undefined) throw new Fault('malformed', 'unknown carrier');
  return carrier;
}
