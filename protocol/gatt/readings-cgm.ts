/** Readings of CGM Measurement 2AA7: one for each record. */
import { copyBytes } from '../bytes.ts';
import { isZone } from '../time.ts';
import { MDC } from '../vital-signs.ts';
import { type CgmRecord, decodeCgmMeasurement } from './cgm.ts';
import {
  type CgmFeature,
  type CgmSessionStartTime,
  decodeCgmFeature,
  decodeCgmSessionStartTime,
  sessionWallClock,
} from './cgm-session.ts';
import { flagsOf, type MeasuredVital, type Measurement, type ReadingContext, readable } from './measured-vital.ts';
import { cgmFlags } from './quality.ts';

/** 2AA7. */
export function cgmReadings(bytes: Uint8Array, { sessionStart, feature }: ReadingContext): Measurement {
  const start = readable(sessionStart, decodeCgmSessionStartTime);
  const claimed = readable(feature, decodeCgmFeature);
  const trusted = claimed?.crcValid ? claimed : undefined;
  const readings = decodeCgmMeasurement(bytes).records.map((record): MeasuredVital => {
    const checked = trusted ? checkedBy(trusted, record) : record;
    return {
      vital: MDC.glucose,
      value: record.glucose,
      unit: 'mg/dL',
      flags: flagsOf(cgmFlags(checked), checked),
      ...(start ? sessionClock(start, record.offsetMin) : {}),
      raw: record.raw,
      ...(trusted && feature && { feature: copyBytes(feature) }),
    };
  });
  return { readings, notResults: [] };
}

/** CGMS CGM Feature: with E2E-CRC a record without one is damaged; without it two more octets are no CRC. */
function checkedBy({ features }: CgmFeature, record: CgmRecord): CgmRecord {
  const lacksCrc = record.crc === null && record.unknownOctets === 0;
  if (features.includes('e2eCrc')) return lacksCrc ? { ...record, crcValid: false } : record;
  return record.crc === null ? record : { ...record, crc: null, crcValid: null, unknownOctets: 2 };
}

function sessionClock(start: CgmSessionStartTime, offsetMin: number): Pick<MeasuredVital, 'deviceClock' | 'zoneMin'> {
  const deviceClock = sessionWallClock(start, offsetMin);
  if (deviceClock === undefined) return {};
  // GSS Time Zone excludes daylight saving: one without the other is no offset from UTC.
  if (start.tzMin === null || start.dstMin === null) return { deviceClock };
  const zoneMin = start.tzMin + start.dstMin;
  return isZone(zoneMin) ? { deviceClock, zoneMin } : { deviceClock };
}
