/** Readings as the service answers them, for tests of the consoles. */
import type { Reading } from '../../consoles/shared/answers.ts';
import { formatInstant } from '../../protocol/time.ts';

export const T0 = Date.UTC(2026, 0, 15, 12);

/** A heart rate of 72 at {@link T0}, in the tree and not in the log, but for what is given. */
export function readingOf(changes: Partial<Reading> = {}, at = T0): Reading {
  return {
    id: `reading-${at}`,
    vital: 'heart-rate',
    title: 'Heart rate',
    value: '72',
    unit: '/min',
    measuredAt: formatInstant(at),
    heardAt: formatInstant(at),
    device: '1111',
    flags: [],
    test: true,
    signed: true,
    inTree: true,
    inLog: false,
    ...changes,
  };
}
