/** Both directions of every GATT codec, by characteristic, for tests that walk all of them. */
import * as battery from '../../protocol/gatt/battery.ts';
import * as pressure from '../../protocol/gatt/blood-pressure.ts';
import * as cgm from '../../protocol/gatt/cgm.ts';
import * as session from '../../protocol/gatt/cgm-session.ts';
import * as time from '../../protocol/gatt/date-time.ts';
import * as heart from '../../protocol/gatt/heart-rate.ts';
import * as plx from '../../protocol/gatt/pulse-oximeter.ts';
import * as floats from '../../protocol/gatt/sfloat.ts';
import * as temperature from '../../protocol/gatt/temperature.ts';

export interface TwoWay {
  readonly decode: (bytes: Uint8Array) => unknown;
  readonly encode: (decoded: unknown) => Uint8Array;
}

function pair<T>(decode: (bytes: Uint8Array) => T, encode: (decoded: T) => Uint8Array): TwoWay {
  return { decode, encode: (decoded) => encode(decoded as T) };
}

export const TWO_WAY: ReadonlyMap<string, TwoWay> = new Map([
  ['2A08', pair(time.decodeDateTime, time.encodeDateTime)],
  ['2A0D', pair(time.decodeDstOffset, time.encodeDstOffset)],
  ['2A0E', pair(time.decodeTimeZone, time.encodeTimeZone)],
  ['2A19', pair(battery.decodeBatteryLevel, battery.encodeBatteryLevel)],
  ['2A1C', pair(temperature.decodeTemperatureMeasurement, temperature.encodeTemperatureMeasurement)],
  ['2A1D', pair(temperature.decodeTemperatureType, temperature.encodeTemperatureType)],
  ['2A1E', pair(temperature.decodeTemperatureMeasurement, temperature.encodeTemperatureMeasurement)],
  ['2A35', pair(pressure.decodeBloodPressureMeasurement, pressure.encodeBloodPressureMeasurement)],
  ['2A36', pair(pressure.decodeIntermediateCuffPressure, pressure.encodeIntermediateCuffPressure)],
  ['2A37', pair(heart.decodeHeartRateMeasurement, heart.encodeHeartRateMeasurement)],
  ['2A38', pair(heart.decodeBodySensorLocation, heart.encodeBodySensorLocation)],
  ['2A49', pair(pressure.decodeBloodPressureFeature, pressure.encodeBloodPressureFeature)],
  ['2A5E', pair(plx.decodePlxSpotCheckMeasurement, plx.encodePlxSpotCheckMeasurement)],
  ['2A5F', pair(plx.decodePlxContinuousMeasurement, plx.encodePlxContinuousMeasurement)],
  ['2A60', pair(plx.decodePlxFeatures, plx.encodePlxFeatures)],
  ['2AA7', pair(cgm.decodeCgmMeasurement, cgm.encodeCgmMeasurement)],
  ['2AA8', pair(session.decodeCgmFeature, session.encodeCgmFeature)],
  ['2AA9', pair(cgm.decodeCgmStatus, cgm.encodeCgmStatus)],
  ['2AAA', pair(session.decodeCgmSessionStartTime, session.encodeCgmSessionStartTime)],
  ['2AAB', pair(session.decodeCgmSessionRunTime, session.encodeCgmSessionRunTime)],
  ['SFLOAT', pair(floats.decodeSfloat, floats.encodeSfloat)],
  ['FLOAT', pair(floats.decodeFloat, floats.encodeFloat)],
]);
