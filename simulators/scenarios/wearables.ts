/**
 * The wearables of a scenario: how each kind is made, and what it takes of its wearer at an instant. Each has a twin on
 * the bench that nobody can hear and that takes the same: it tells what octets the real one is about to send.
 */
import { wallClockToDateTime } from '../../protocol/gatt/date-time.ts';
import { type Instant, instantToWallClock } from '../../protocol/time.ts';
import { MDC } from '../../protocol/vital-signs.ts';
import type { Person } from '../body/physiology.ts';
import { createBthomeSensor, createMiScale } from '../devices/broadcasters.ts';
import { createCgm } from '../devices/cgm.ts';
import { createCuff } from '../devices/cuff.ts';
import { createCyclingSensor } from '../devices/cycling-sensor.ts';
import { createEnhancedCuff } from '../devices/enhanced-cuff.ts';
import { createGlucoseMeter } from '../devices/glucose-meter.ts';
import { createHealthSensor } from '../devices/health-sensor.ts';
import { createHeartStrap } from '../devices/heart-strap.ts';
import { createOximeter } from '../devices/oximeter.ts';
import { createRunningPod } from '../devices/running-pod.ts';
import { createScale } from '../devices/scale.ts';
import { createThermometer } from '../devices/thermometer.ts';
import type { ScenarioKind } from './kinds.ts';
import { inSteps, kilograms, model, vital, type WearableModel, whole } from './wearable-model.ts';

/** 11073-10101: MDC_DIM_RESP_PER_MIN. */
const BREATHS_PER_MIN = 2784;

const MINUTE_MS = 60_000;
/** Most RR intervals in the smallest MTU. */
const MOST_RR = 8;
/** Meters that a wheel of 28 inches rolls in one turn. */
const WHEEL_M = 2.1;

const pressuresOf = (person: Person, at: Instant) => {
  const { systolic, diastolic, map, pulse } = person.bloodPressure(at);
  const vitals = [
    vital(MDC.systolic, systolic, 'mm[Hg]'),
    vital(MDC.diastolic, diastolic, 'mm[Hg]'),
    vital(MDC.meanPressure, map, 'mm[Hg]'),
    vital(MDC.cuffPulse, pulse, '/min'),
  ];
  return { measured: { systolic, diastolic, map, pulse }, vitals };
};

export const WEARABLE_MODELS: Readonly<Record<ScenarioKind, WearableModel>> = {
  strap: model({
    keeps: 'live',
    carrier: 0x2a37,
    create: createHeartStrap,
    take(person, { at, everyMs }) {
      const heartRate = person.heartRate(at);
      const rr1024 = person.rr1024(at - everyMs, at).slice(-MOST_RR);
      const vitals = [vital(MDC.heartRate, whole(heartRate), '/min')];
      return { vitals, act: (device) => device.beat({ heartRate, rr1024 }) };
    },
  }),

  cuff: model({
    keeps: 'stored',
    carrier: 0x2a35,
    create: createCuff,
    take(person, { at, shown }) {
      const { measured, vitals } = pressuresOf(person, at);
      return { vitals, act: (device) => device.measure({ ...measured, at: shown }) };
    },
  }),

  'enhanced-cuff': model({
    keeps: 'stored',
    carrier: 0x2b34,
    create: createEnhancedCuff,
    take(person, { at, shown }) {
      const { measured, vitals } = pressuresOf(person, at);
      const utc = instantToWallClock(at, 0);
      return { vitals, act: (device) => device.measure({ ...measured, at: shown, utc }) };
    },
  }),

  thermometer: model({
    keeps: 'stored',
    carrier: 0x2a1c,
    create: createThermometer,
    take(person, { at, shown }) {
      const temperature = person.temperature(at);
      const vitals = [vital(MDC.temperature, temperature, 'Cel')];
      return { vitals, act: (device) => device.measure({ temperature, at: shown, type: 'ear' }) };
    },
  }),

  oximeter: model({
    keeps: 'live',
    carrier: 0x2a5f,
    create: createOximeter,
    take(person, { at }) {
      const { spo2, pulse, pai } = person.oximetry(at);
      const vitals = [
        vital(MDC.oxygenSaturation, spo2, '%'),
        vital(MDC.oximeterPulse, pulse, '/min'),
        vital(MDC.perfusion, pai, '%'),
      ];
      return { vitals, act: (device) => device.stream({ spo2, pulse, pai }) };
    },
  }),

  cgm: model({
    keeps: 'stored',
    carrier: 0x2aa7,
    create: (options, startedAt) => {
      const session = { startedAt: instantToWallClock(sessionOf(startedAt), 0), tzMin: 0, dstMin: 0 };
      return createCgm({ ...options, session });
    },
    take(person, { at, startedAt }) {
      const { value: glucose, trend } = person.glucose(at);
      const offsetMin = Math.floor((at - sessionOf(startedAt)) / MINUTE_MS);
      const vitals = [vital(MDC.glucose, glucose, 'mg/dL')];
      return { vitals, act: (device) => device.measure({ glucose, trend, offsetMin }) };
    },
  }),

  'glucose-meter': model({
    keeps: 'stored',
    carrier: 0x2a18,
    create: createGlucoseMeter,
    take(person, { at, shown }) {
      // 1 mg/dL is 0.00001 kg/L.
      const concentration = { mantissa: person.glucose(at).value.mantissa, exponent: -5 };
      const vitals = [vital(MDC.capillaryGlucose, whole(concentration.mantissa), 'mg/dL')];
      return { vitals, act: (device) => device.measure({ concentration, at: shown }) };
    },
  }),

  scale: model({
    keeps: 'stored',
    carrier: 0x2a9d,
    create: createScale,
    take(person, { at, shown }) {
      const weight = kilograms(person.bodyMass(at).weight);
      const vitals = [vital(MDC.weight, weight, 'kg')];
      return { vitals, act: (device) => device.weigh({ weight, at: shown }) };
    },
  }),

  'composition-scale': model({
    keeps: 'stored',
    carrier: 0x2a9c,
    create: (options) => createScale({ ...options, composition: true }),
    take(person, { at, shown }) {
      const mass = person.bodyMass(at);
      const bodyFatPct = inSteps(mass.bodyFatPct, 1, -1);
      const [fatFreeMass, bodyWaterMass] = [kilograms(mass.fatFree), kilograms(mass.water)];
      const impedanceOhm = inSteps(mass.impedanceOhm, 1, -1);
      const vitals = [
        vital(MDC.bodyFat, bodyFatPct, '%'),
        vital(MDC.fatFreeMass, fatFreeMass, 'kg'),
        vital(MDC.bodyWater, bodyWaterMass, 'kg'),
      ];
      const fields = { bodyFatPct, fatFreeMass, bodyWaterMass, impedanceOhm };
      return { vitals, act: (device) => device.analyze({ ...fields, at: shown }) };
    },
  }),

  'running-pod': model({
    keeps: 'live',
    carrier: 0x2a53,
    create: createRunningPod,
    take(person, { at }) {
      const { activity, cadence: steps, speedMps: meters } = person.movementAt(at);
      const onFoot = activity !== 'cycling';
      // In 1/256 m/s, which is 0.00390625.
      const speedMps = inSteps(onFoot ? meters : 0, 390_625, -8);
      const cadence = onFoot ? Math.round(steps) : 0;
      const vitals = [vital(MDC.speed, speedMps, 'm/s'), vital(MDC.cadence, whole(cadence), '/min')];
      return { vitals, act: (device) => device.run({ speedMps, cadence, running: activity === 'running' }) };
    },
  }),

  // Its counters are no vital signs.
  'cycling-sensor': model({
    keeps: 'live',
    carrier: 0x2a5b,
    create: createCyclingSensor,
    take(person, { at, everyMs }) {
      const rides = person.movementAt(at).activity === 'cycling';
      const wheel = rides ? Math.round(person.distanceBetween(at - everyMs, at) / WHEEL_M) : 0;
      const crank = rides ? Math.round(person.countBetween(at - everyMs, at)) : 0;
      return { vitals: [], act: (device) => device.ride({ seconds: everyMs / 1000, wheel, crank }) };
    },
  }),

  'health-sensor': model({
    keeps: 'live',
    carrier: 0x2b8b,
    create: createHealthSensor,
    take(person, { at }) {
      const value = person.respiratoryRate(at);
      const observation = {
        ...NO_FIELDS,
        type: MDC.respiratoryRate,
        class: 1,
        unitCode: BREATHS_PER_MIN,
        value,
      } as const;
      const vitals = [vital(MDC.respiratoryRate, value, '/min')];
      return { vitals, act: (device) => device.observe(observation) };
    },
  }),

  bthome: model({
    keeps: 'broadcast',
    carrier: 0xfcd2,
    create: createBthomeSensor,
    take(person, { at }) {
      const temperature = person.temperature(at);
      const vitals = [vital(MDC.temperature, temperature, 'Cel')];
      return { vitals, act: (device) => void device.tell([['temperature', temperature]]) };
    },
  }),

  'mi-scale': model({
    keeps: 'broadcast',
    carrier: 0x181d,
    create: createMiScale,
    take(person, { at, shown }) {
      const weight = kilograms(person.bodyMass(at).weight);
      const timestamp = wallClockToDateTime(shown);
      const settled = { weight, unit: 'kg', timestamp, stabilized: true, removed: false } as const;
      return { vitals: [vital(MDC.weight, weight, 'kg')], act: (device) => void device.show(settled) };
    },
  }),
};

const NO_FIELDS = {
  time: null,
  durationS: null,
  status: null,
  objectId: null,
  patient: null,
  supplemental: null,
  derivedFrom: null,
  hasMember: null,
} as const;

/** A session begins on a whole minute. */
function sessionOf(startedAt: Instant): Instant {
  return Math.ceil(startedAt / MINUTE_MS) * MINUTE_MS;
}
