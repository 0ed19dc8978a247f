/** Readings of values with little beside the number: heart rate 2A37, temperature 2A1C, running 2A53, battery 2A19. */
import { MDC } from '../vital-signs.ts';
import { decodeBatteryLevel } from './battery.ts';
import { decodeHeartRateMeasurement } from './heart-rate.ts';
import { type Details, deviceClockOf, flagsOf, type Measurement, measurement, whole } from './measured-vital.ts';
import { temperatureSite } from './quality.ts';
import { decodeRscMeasurement } from './speed-cadence.ts';
import { decodeTemperatureMeasurement } from './temperature.ts';

/** 2A37. RR intervals and energy stay in the raw bytes. */
export function heartRateReadings(bytes: Uint8Array): Measurement {
  const decoded = decodeHeartRateMeasurement(bytes);
  const flags = flagsOf(decoded.contactDetected === false ? ['no-contact'] : [], decoded);
  return measurement(bytes, [{ vital: MDC.heartRate, value: whole(decoded.heartRate), unit: '/min', flags }]);
}

/** 2A1C. */
export function temperatureReadings(bytes: Uint8Array): Measurement {
  const decoded = decodeTemperatureMeasurement(bytes);
  const site = temperatureSite(decoded);
  const reading: Details = {
    vital: MDC.temperature,
    value: decoded.value,
    unit: decoded.unit === 'F' ? '[degF]' : 'Cel',
    flags: flagsOf([], decoded),
    ...(site === undefined ? {} : { site }),
    ...deviceClockOf(decoded.timestamp),
  };
  return measurement(bytes, [reading]);
}

/** 2A53: what holds at the instant. Stride length and total distance stay in the raw bytes. */
export function runningReadings(bytes: Uint8Array): Measurement {
  const decoded = decodeRscMeasurement(bytes);
  const flags = flagsOf([], decoded);
  return measurement(bytes, [
    { vital: MDC.speed, value: decoded.speedMps, unit: 'm/s', flags },
    { vital: MDC.cadence, value: whole(decoded.cadence), unit: '/min', flags },
  ]);
}

/** 2A19. */
export function batteryReadings(bytes: Uint8Array): Measurement {
  const { percent } = decodeBatteryLevel(bytes);
  return measurement(bytes, [{ vital: MDC.battery, value: whole(percent), unit: '%', flags: [] }]);
}
