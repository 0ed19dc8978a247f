/** The number of a stored record, read from the value that carries it. */
import { Fault } from '../../protocol/fault.ts';
import { decodeBloodPressureRecord } from '../../protocol/gatt/blood-pressure-record.ts';
import { decodeCgmMeasurement } from '../../protocol/gatt/cgm.ts';
import { decodeGlucoseMeasurement } from '../../protocol/gatt/glucose.ts';
import { decodeGlucoseContext } from '../../protocol/gatt/glucose-context.ts';
import type { Uuid } from './profiles.ts';

/**
 * Sequence number (GLS, BLS) or time offset in minutes, the latest of a value with several (CGMS). Undefined for a value
 * that does not decode, has no number, or is not the last segment of its record.
 */
export function recordNumberOf(uuid: Uuid, value: Uint8Array): number | undefined {
  try {
    switch (uuid) {
      case 0x2a18:
        return decodeGlucoseMeasurement(value).sequence;
      case 0x2a34:
        return decodeGlucoseContext(value).sequence;
      case 0x2aa7:
        return Math.max(...decodeCgmMeasurement(value).records.map(({ offsetMin }) => offsetMin));
      case 0x2b36: {
        const { last, sequence } = decodeBloodPressureRecord(value);
        return last ? sequence : undefined;
      }
      default:
        return undefined;
    }
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}
