/** The leaf that amends or withdraws another one: a reading whose value or time was found to be wrong (docs/format.md §4.3). */
import { type CborFields, type CborValue, sensorValueFromCbor, sensorValueToCbor } from './cbor.ts';
import type { SensorValue } from './decimal.ts';
import { Fault } from './fault.ts';
import type { ReadingLeaf } from './leaf.ts';
import { oneOf, present, readComponent, readInstant } from './leaf-fields.ts';
import type { Instant } from './time.ts';

/** What happens to the other leaf: something of it is replaced, or it should never have been there. */
export const CORRECTION_ACTS = ['amend', 'withdraw'] as const;
export type CorrectionAct = (typeof CORRECTION_ACTS)[number];

/**
 * Why. `device-clock`: its clock was wrong; `wrong-patient`: somebody else was measured; `device-fault`: the device was found
 * to measure wrongly; `handling`: it was not used as it must be; `other-method`: a better measurement gave another value.
 */
export const CORRECTION_REASONS = [
  'device-clock',
  'wrong-patient',
  'device-fault',
  'handling',
  'other-method',
  'other',
] as const;
export type CorrectionReason = (typeof CORRECTION_REASONS)[number];

export interface CorrectionLeaf {
  readonly kind: 'correction';
  /** Both those of the leaf that it is about. */
  readonly subject: Uint8Array;
  readonly device: Uint8Array;
  /** Id of the batch that holds the other leaf, 32 octets, and its index there. */
  readonly batch: Uint8Array;
  readonly index: number;
  readonly act: CorrectionAct;
  readonly reason: CorrectionReason;
  /** When it was found to be wrong, by the clock of who says so. */
  readonly correctedAt: Instant;
  /** What takes the place of the reading's own; amending has at least one of the three, withdrawing none. */
  readonly value?: SensorValue;
  readonly components?: ReadingLeaf['components'];
  readonly measuredAt?: Instant;
  readonly test: boolean;
}

/** Fields of a correction but those that every leaf has. */
export function correctionFields(leaf: CorrectionLeaf): [number, CborValue | undefined][] {
  return [
    [4, leaf.measuredAt],
    [6, leaf.correctedAt],
    [7, leaf.value && sensorValueToCbor(leaf.value)],
    [8, leaf.components?.map(({ vital, value }) => [vital, sensorValueToCbor(value)])],
    [41, leaf.batch],
    [42, leaf.index],
    [43, leaf.act],
    [44, leaf.reason],
  ];
}

/** Throws `malformed`. */
export function readCorrection(
  common: Pick<CorrectionLeaf, 'subject' | 'device' | 'test'>,
  fields: CborFields,
): CorrectionLeaf {
  const leaf: CorrectionLeaf = {
    kind: 'correction',
    ...common,
    batch: fields.bytes(41, 32),
    index: fields.uint(42),
    act: oneOf(CORRECTION_ACTS, fields.text(43)),
    reason: oneOf(CORRECTION_REASONS, fields.text(44)),
    correctedAt: readInstant(fields, 6),
    ...present('value', fields.has(7) ? sensorValueFromCbor(fields.any(7)) : undefined),
    ...present('components', fields.has(8) ? fields.array(8).map(readComponent) : undefined),
    ...present('measuredAt', fields.has(4) ? readInstant(fields, 4) : undefined),
  };
  const replaces = leaf.value !== undefined || leaf.components !== undefined || leaf.measuredAt !== undefined;
  if (replaces !== (leaf.act === 'amend'))
    throw new Fault('malformed', 'amending replaces something, withdrawing nothing');
  if (leaf.value !== undefined && leaf.components !== undefined) throw new Fault('malformed', 'a value and components');
  return leaf;
}

/** What of a correction does not fit the reading, in words; `undefined` when it may be applied. */
export function explainCorrection(leaf: CorrectionLeaf, reading: ReadingLeaf): string | undefined {
  const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((octet, i) => octet === b[i]);
  if (!same(leaf.subject, reading.subject) || !same(leaf.device, reading.device)) return 'it names another device';
  if (leaf.value !== undefined && reading.value === undefined) return 'the reading has parts, and no value of its own';
  if (leaf.components === undefined) return undefined;
  if (reading.components === undefined) return 'the reading has a value, and no parts';
  const parts = (of: ReadingLeaf['components']) => (of ?? []).map(({ vital }) => vital).join();
  return parts(leaf.components) === parts(reading.components) ? undefined : 'its parts are not those of the reading';
}

/** The reading with what takes the place of its own. */
export function correctReading(reading: ReadingLeaf, { value, components, measuredAt }: CorrectionLeaf): ReadingLeaf {
  return {
    ...reading,
    ...present('value', value ?? reading.value),
    ...present('components', components ?? reading.components),
    measuredAt: measuredAt ?? reading.measuredAt,
  };
}
