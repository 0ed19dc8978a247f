/** Both directions of every GATT codec, by characteristic, for tests that walk all of them. */
import * as battery from '../../protocol/gatt/battery.ts';
import * as batteryStatus from '../../protocol/gatt/battery-status.ts';
import * as pressure from '../../protocol/gatt/blood-pressure.ts';
import * as record from '../../protocol/gatt/blood-pressure-record.ts';
import * as body from '../../protocol/gatt/body-composition.ts';
import * as bthome from '../../protocol/gatt/bthome.ts';
import * as cgm from '../../protocol/gatt/cgm.ts';
import * as cgmControl from '../../protocol/gatt/cgm-control-point.ts';
import * as session from '../../protocol/gatt/cgm-session.ts';
import * as currentTime from '../../protocol/gatt/current-time.ts';
import * as time from '../../protocol/gatt/date-time.ts';
import * as device from '../../protocol/gatt/device-information.ts';
import * as deviceTime from '../../protocol/gatt/device-time.ts';
import * as elapsed from '../../protocol/gatt/elapsed-time.ts';
import * as enhanced from '../../protocol/gatt/enhanced-blood-pressure.ts';
import * as ghs from '../../protocol/gatt/ghs.ts';
import * as settings from '../../protocol/gatt/ghs-settings.ts';
import * as glucose from '../../protocol/gatt/glucose.ts';
import * as context from '../../protocol/gatt/glucose-context.ts';
import * as heart from '../../protocol/gatt/heart-rate.ts';
import * as mi from '../../protocol/gatt/mi-scale.ts';
import * as polar from '../../protocol/gatt/polar-advertisement.ts';
import * as plx from '../../protocol/gatt/pulse-oximeter.ts';
import * as racp from '../../protocol/gatt/racp.ts';
import * as floats from '../../protocol/gatt/sfloat.ts';
import * as speed from '../../protocol/gatt/speed-cadence.ts';
import * as temperature from '../../protocol/gatt/temperature.ts';
import * as user from '../../protocol/gatt/user-data.ts';
import * as weight from '../../protocol/gatt/weight-scale.ts';

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
  ['2A0F', pair(currentTime.decodeLocalTimeInformation, currentTime.encodeLocalTimeInformation)],
  ['2A18', pair(glucose.decodeGlucoseMeasurement, glucose.encodeGlucoseMeasurement)],
  ['2A19', pair(battery.decodeBatteryLevel, battery.encodeBatteryLevel)],
  ['2A1C', pair(temperature.decodeTemperatureMeasurement, temperature.encodeTemperatureMeasurement)],
  ['2A1D', pair(temperature.decodeTemperatureType, temperature.encodeTemperatureType)],
  ['2A1E', pair(temperature.decodeTemperatureMeasurement, temperature.encodeTemperatureMeasurement)],
  ['2A21', pair(temperature.decodeMeasurementInterval, temperature.encodeMeasurementInterval)],
  ['2A23', pair(device.decodeSystemId, device.encodeSystemId)],
  ['2A2A', pair(device.decodeCertificationData, device.encodeCertificationData)],
  ['2A2B', pair(currentTime.decodeCurrentTime, currentTime.encodeCurrentTime)],
  ['2A34', pair(context.decodeGlucoseContext, context.encodeGlucoseContext)],
  ['2A35', pair(pressure.decodeBloodPressureMeasurement, pressure.encodeBloodPressureMeasurement)],
  ['2A36', pair(pressure.decodeIntermediateCuffPressure, pressure.encodeIntermediateCuffPressure)],
  ['2A37', pair(heart.decodeHeartRateMeasurement, heart.encodeHeartRateMeasurement)],
  ['2A38', pair(heart.decodeBodySensorLocation, heart.encodeBodySensorLocation)],
  ['2A39', pair(heart.decodeHeartRateControlPoint, heart.encodeHeartRateControlPoint)],
  ['2A49', pair(pressure.decodeBloodPressureFeature, pressure.encodeBloodPressureFeature)],
  ['2A50', pair(device.decodePnpId, device.encodePnpId)],
  ['2A51', pair(glucose.decodeGlucoseFeature, glucose.encodeGlucoseFeature)],
  ['2A52', pair(racp.decodeRacp, racp.encodeRacp)],
  ['2A53', pair(speed.decodeRscMeasurement, speed.encodeRscMeasurement)],
  ['2A5B', pair(speed.decodeCscMeasurement, speed.encodeCscMeasurement)],
  ['2A5E', pair(plx.decodePlxSpotCheckMeasurement, plx.encodePlxSpotCheckMeasurement)],
  ['2A5F', pair(plx.decodePlxContinuousMeasurement, plx.encodePlxContinuousMeasurement)],
  ['2A60', pair(plx.decodePlxFeatures, plx.encodePlxFeatures)],
  ['2A99', pair(user.decodeDatabaseChangeIncrement, user.encodeDatabaseChangeIncrement)],
  ['2A9A', pair(user.decodeUserIndex, user.encodeUserIndex)],
  ['2A9B', pair(body.decodeBodyCompositionFeature, body.encodeBodyCompositionFeature)],
  ['2A9C', pair(body.decodeBodyCompositionMeasurement, body.encodeBodyCompositionMeasurement)],
  ['2A9D', pair(weight.decodeWeightMeasurement, weight.encodeWeightMeasurement)],
  ['2A9E', pair(weight.decodeWeightScaleFeature, weight.encodeWeightScaleFeature)],
  ['2A9F', pair(user.decodeUserControlPoint, user.encodeUserControlPoint)],
  ['2AA7', pair(cgm.decodeCgmMeasurement, cgm.encodeCgmMeasurement)],
  ['2AA8', pair(session.decodeCgmFeature, session.encodeCgmFeature)],
  ['2AA9', pair(cgm.decodeCgmStatus, cgm.encodeCgmStatus)],
  ['2AAA', pair(session.decodeCgmSessionStartTime, session.encodeCgmSessionStartTime)],
  ['2AAB', pair(session.decodeCgmSessionRunTime, session.encodeCgmSessionRunTime)],
  ['2AAC', pair(cgmControl.decodeCgmControlPoint, cgmControl.encodeCgmControlPoint)],
  ['2B34', pair(enhanced.decodeEnhancedBloodPressureMeasurement, enhanced.encodeEnhancedBloodPressureMeasurement)],
  ['2B35', pair(enhanced.decodeEnhancedIntermediateCuffPressure, enhanced.encodeEnhancedIntermediateCuffPressure)],
  ['2B36', pair(record.decodeBloodPressureRecord, record.encodeBloodPressureRecord)],
  ['2B8B', pair(ghs.decodeLiveHealthObservation, ghs.encodeLiveHealthObservation)],
  ['2B90', pair(deviceTime.decodeDeviceTime, deviceTime.encodeDeviceTime)],
  ['2BDD', pair(ghs.decodeLiveHealthObservation, ghs.encodeLiveHealthObservation)],
  ['2BED', pair(batteryStatus.decodeBatteryLevelStatus, batteryStatus.encodeBatteryLevelStatus)],
  ['2BF1', pair(settings.decodeObservationSchedule, settings.encodeObservationSchedule)],
  ['2BF2', pair(elapsed.decodeCurrentElapsedTime, elapsed.encodeCurrentElapsedTime)],
  ['2BF3', pair(settings.decodeGhsFeatures, settings.encodeGhsFeatures)],
  ['2BF4', pair(settings.decodeGhsControlPoint, settings.encodeGhsControlPoint)],
  ['2BFF', pair(device.decodeUdi, device.encodeUdi)],
  ['FCD2-adv', pair(bthome.decodeBthome, bthome.encodeBthome)],
  ['181D-adv', pair(mi.decodeMiScaleWeight, mi.encodeMiScaleWeight)],
  ['181B-adv', pair(mi.decodeMiScaleComposition, mi.encodeMiScaleComposition)],
  ['006B-adv', pair(polar.decodePolarAdvertisement, polar.encodePolarAdvertisement)],
  ['SFLOAT', pair(floats.decodeSfloat, floats.encodeSfloat)],
  ['FLOAT', pair(floats.decodeFloat, floats.encodeFloat)],
]);
