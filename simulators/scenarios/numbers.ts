/** The numbers of a reading, as truth and record are compared by them. */
import { decimalToString, isDecimal } from '../../protocol/decimal.ts';
import type { ReadingLeaf } from '../../protocol/leaf.ts';

/** Each number of a reading as text, under the code of what it is; one that failed is told, too. */
export function numbersOf({ vital, value, components }: ReadingLeaf): (readonly [number, string])[] {
  const parts = components ?? (value === undefined ? [] : [{ vital, value }]);
  if (parts.length === 0) return [[vital, 'nothing']];
  return parts.map((part) => [part.vital, isDecimal(part.value) ? decimalToString(part.value) : part.value] as const);
}
