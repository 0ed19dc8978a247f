/** What the pages show of a reading: plain JSON with exact decimals as text. */

import { encodeHex } from '../protocol/bytes.ts';
import type { CorrectionAct, CorrectionReason } from '../protocol/correction-leaf.ts';
import { decimalToString, isDecimal, type SensorValue } from '../protocol/decimal.ts';
import type { Corrector } from '../protocol/supersession.ts';
import { formatInstant } from '../protocol/time.ts';
import { vitalSignByMdc } from '../protocol/vital-signs.ts';
import type { FiledReading } from './record/segments.ts';
import type { Standing } from './standing.ts';

export interface ReadingView extends Standing {
  readonly id: string;
  /** Name in the vital-sign table. */
  readonly vital: string;
  readonly title: string;
  /** Decimal text, or the name of a special value; a blood pressure is `systolic/diastolic`. */
  readonly value: string;
  readonly unit: string;
  readonly measuredAt: string;
  readonly heardAt: string;
  readonly device: string;
  readonly flags: readonly string[];
  readonly test: boolean;
  /** What was shown before was wrong; this is what took its place, or it was withdrawn. */
  readonly corrected?: { readonly act: CorrectionAct; readonly reason: CorrectionReason; readonly by: Corrector };
}

export function viewReading({ id, leaf, correction }: FiledReading, standing: Standing): ReadingView {
  const sign = vitalSignByMdc(leaf.vital);
  const values = leaf.components?.slice(0, 2).map(({ value }) => valueText(value));
  return {
    id,
    vital: sign?.name ?? String(leaf.vital),
    title: sign?.title ?? `MDC ${leaf.vital}`,
    value: values ? values.join('/') : leaf.value === undefined ? '' : valueText(leaf.value),
    unit: leaf.unit,
    measuredAt: formatInstant(leaf.measuredAt, leaf.zoneMin),
    heardAt: formatInstant(leaf.heardAt),
    device: encodeHex(leaf.device),
    flags: leaf.flags,
    test: leaf.test,
    ...(correction && { corrected: { act: correction.act, reason: correction.reason, by: correction.by } }),
    ...standing,
  };
}

function valueText(value: SensorValue): string {
  return isDecimal(value) ? decimalToString(value) : value;
}
