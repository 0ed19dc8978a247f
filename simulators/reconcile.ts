/** A recording against the record: what is filed, what is missing, what is there too often. */
import { encodeHex } from '../protocol/bytes.ts';
import { type Decimal, isDecimal, type SensorValue } from '../protocol/decimal.ts';
import type { Instant } from '../protocol/time.ts';

export interface ExpectedReading {
  /** Record-local patient id. */
  readonly patient: string;
  /** Device handle. */
  readonly device: Uint8Array;
  readonly vital: number;
  readonly measuredAt: Instant;
  readonly value: Decimal;
}

/** A reading that is in the record. */
export interface RecordReading {
  readonly device: Uint8Array;
  readonly measuredAt: Instant;
  readonly value?: SensorValue;
  readonly inLog: boolean;
}

export interface Reconciliation {
  readonly filed: number;
  readonly inLog: number;
  readonly duplicates: number;
  readonly lost: number;
}

/** Compares as multisets of (device, vital sign, instant, exact value); memory grows with the recording. */
export function reconcile(
  expected: readonly ExpectedReading[],
  readingsOf: (patient: string, vital: number) => Iterable<RecordReading>,
): Reconciliation {
  const open = new Map<string, number>();
  for (const { device, vital, measuredAt, value } of expected) {
    const key = keyOf(device, vital, measuredAt, value);
    open.set(key, (open.get(key) ?? 0) + 1);
  }
  let filed = 0;
  let inLog = 0;
  let duplicates = 0;
  for (const { patient, vital } of distinct(expected)) {
    for (const { device, measuredAt, value, ...reading } of readingsOf(patient, vital)) {
      if (value === undefined || !isDecimal(value)) continue;
      const key = keyOf(device, vital, measuredAt, value);
      const waiting = open.get(key);
      if (waiting === undefined) continue; // not of this recording
      if (waiting === 0) {
        duplicates++;
        continue;
      }
      open.set(key, waiting - 1);
      filed++;
      if (reading.inLog) inLog++;
    }
  }
  return { filed, inLog, duplicates, lost: expected.length - filed };
}

function keyOf(device: Uint8Array, vital: number, measuredAt: Instant, { mantissa, exponent }: Decimal): string {
  return `${encodeHex(device)} ${vital} ${measuredAt} ${mantissa}e${exponent}`;
}

function distinct(expected: readonly ExpectedReading[]): Iterable<ExpectedReading> {
  return new Map(expected.map((one) => [`${one.patient} ${one.vital}`, one])).values();
}
