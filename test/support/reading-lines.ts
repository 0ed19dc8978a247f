/** Readings as lines of text, for tests that list what values give. */
import { decodeHex } from '../../protocol/bytes.ts';
import { decimalToString, isDecimal, type SensorValue } from '../../protocol/decimal.ts';
import type { ReadingContext } from '../../protocol/gatt/measured-vital.ts';
import { measurementOf } from '../../protocol/gatt/readings.ts';
import { allVitalSigns } from '../../protocol/vital-signs.ts';

/** Octets of hex digits, spaces between them left out. */
export function hex(digits: string): Uint8Array {
  return decodeHex(digits.replaceAll(' ', ''));
}

const text = (value: SensorValue) => (isDecimal(value) ? decimalToString(value) : value);
const NAMES = new Map(allVitalSigns().map(({ mdc, name }) => [mdc, name]));

/** `vital value unit`, then what else there is; at the end what is no reading, in parentheses. */
export function readingLines(
  characteristic: number,
  bytes: string | Uint8Array,
  context: ReadingContext = {},
): string[] {
  const value = typeof bytes === 'string' ? hex(bytes) : bytes;
  const { readings, notResults } = measurementOf(characteristic, value, context);
  return [
    ...readings.map((reading) => {
      const parts = (reading.components ?? []).map((part) => `${NAMES.get(part.vital)}=${text(part.value)}`);
      const { deviceClock, zoneMin, site, userIndex, deviceSequence, isTest, companion, feature } = reading;
      return [
        NAMES.get(reading.vital),
        reading.value === undefined ? parts.join(',') : text(reading.value),
        reading.unit,
        reading.flags.join(','),
        deviceClock ?? '',
        zoneMin === undefined ? '' : `zone=${zoneMin}`,
        site === undefined ? '' : `site=${site}`,
        userIndex === undefined ? '' : `user=${userIndex}`,
        deviceSequence === undefined ? '' : `#${deviceSequence}`,
        isTest ? 'TEST' : '',
        companion ? '+companion' : '',
        feature ? '+feature' : '',
      ]
        .filter(Boolean)
        .join(' ');
    }),
    ...notResults.map((why) => `(${why})`),
  ];
}
