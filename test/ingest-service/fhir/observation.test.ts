import { describe, expect, it } from 'vitest';
import { CANONICAL, deviceIdOf } from '../../../ingest-service/fhir/elements.ts';
import { stringifyFhir } from '../../../ingest-service/fhir/json.ts';
import { type ObservationInput, toObservation } from '../../../ingest-service/fhir/observation.ts';
import { formatReadingId } from '../../../protocol/batch.ts';
import type { SensorValue } from '../../../protocol/decimal.ts';
import { QUALITY_FLAGS } from '../../../protocol/gatt/quality.ts';
import { encodeId } from '../../../protocol/keys.ts';
import type { ReadingLeaf } from '../../../protocol/leaf.ts';
import { allVitalSigns, MDC } from '../../../protocol/vital-signs.ts';
import { readingLeaves } from '../../support/receipt-builder.ts';
import { expectObservation } from './r4-rules.ts';

const measuredAt = Date.UTC(2026, 0, 15, 23, 30, 5);
const heartRate: ReadingLeaf = {
  kind: 'reading',
  subject: new Uint8Array(32).fill(1),
  device: new Uint8Array(16).fill(2),
  vital: MDC.heartRate,
  measuredAt,
  measuredBy: 'gateway',
  heardAt: measuredAt,
  zoneMin: 60,
  value: { mantissa: 72, exponent: 0 },
  unit: '/min',
  flags: [],
  test: false,
  characteristic: 0x2a37,
  raw: new Uint8Array([0, 72]),
  ordinal: 0,
};

function inputOf(changes: Partial<ReadingLeaf>): ObservationInput {
  const { value, ...rest } = heartRate;
  const leaf = { ...rest, ...('components' in changes ? {} : { value }), ...changes } as ReadingLeaf;
  return {
    readingId: formatReadingId(encodeId(new Uint8Array(32).fill(3)), 9999),
    leaf,
    patientId: 'p7q',
    deviceId: deviceIdOf(leaf.device),
    gatewayId: encodeId(new Uint8Array(32).fill(4)),
  };
}

const observe = (changes: Partial<ReadingLeaf>) => toObservation(inputOf(changes));
const decimal = (mantissa: number, exponent: number): SensorValue => ({ mantissa, exponent });
const pressures = (...values: SensorValue[]) =>
  [MDC.systolic, MDC.diastolic, MDC.meanPressure].map((vital, i) => ({ vital, value: values[i]! }));

describe('observation', () => {
  it('is this, for a heart rate', () => {
    const input = inputOf({});
    expect(JSON.parse(stringifyFhir(toObservation(input)))).toEqual({
      resourceType: 'Observation',
      id: input.readingId,
      meta: { profile: ['http://hl7.org/fhir/StructureDefinition/heartrate'] },
      extension: [
        {
          url: 'http://hl7.org/fhir/StructureDefinition/observation-gatewayDevice',
          valueReference: { reference: `Device/${input.gatewayId}` },
        },
      ],
      identifier: [{ system: `${CANONICAL}/reading`, value: input.readingId }],
      status: 'final',
      category: [
        { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'vital-signs' }] },
        { coding: [{ system: 'http://hl7.org/fhir/uv/phd/CodeSystem/PhdObservationCategories', code: 'phd' }] },
      ],
      code: {
        coding: [
          { system: 'urn:iso:std:iso:11073:10101', code: '147842' },
          { system: 'http://loinc.org', code: '8867-4' },
        ],
        text: 'Heart rate',
      },
      subject: { reference: 'Patient/p7q' },
      effectiveDateTime: '2026-01-16T00:30:05+01:00',
      valueQuantity: { value: 72, unit: '/min', system: 'http://unitsofmeasure.org', code: '/min' },
      device: { reference: `Device/${input.deviceId}` },
    });
    expectObservation(toObservation(input));
  });

  it.each<[number, number, string]>([
    [20, -1, '2.0'],
    [3650, -2, '36.50'],
    [2, 2, '200'],
    [-5, -1, '-0.5'],
    [0, -1, '0.0'],
  ])('writes %i x 10^%i as %s', (mantissa, exponent, text) => {
    const json = stringifyFhir(observe({ vital: MDC.perfusion, unit: '%', value: decimal(mantissa, exponent) }));
    expect(json).toContain(`"valueQuantity":{"value":${text},`);
  });

  it.each<[SensorValue, string]>([
    ['NaN', 'not-a-number'],
    ['NRes', 'error'],
    ['+INF', 'positive-infinity'],
    ['-INF', 'negative-infinity'],
    ['RFU', 'error'],
  ])('has no value but a reason for %s', (value, code) => {
    const observation = observe({ value });
    expectObservation(observation);
    expect(observation.dataAbsentReason?.coding?.[0]?.code).toBe(code);
  });

  it('shows a blood pressure as one panel, each part with its own absence', () => {
    const components = pressures(decimal(120, 0), 'NaN', decimal(93, 0));
    const observation = observe({ vital: MDC.bloodPressure, unit: 'mm[Hg]', components });
    expectObservation(observation);
    expect(observation.valueQuantity).toBeUndefined();
    expect(observation.component?.map((part) => 'valueQuantity' in part)).toEqual([true, false, true]);
    expect(observation.meta?.profile).toEqual(['http://hl7.org/fhir/StructureDefinition/bp']);
  });

  it('converts kPa for the bp profile and keeps what the cuff said', () => {
    const components = pressures(decimal(160, -1), decimal(107, -1), decimal(125, -1));
    const observation = observe({ vital: MDC.bloodPressure, unit: 'kPa', components });
    expectObservation(observation);
    const [systolic] = observation.component!;
    expect(stringifyFhir(systolic!)).toContain(
      '"valueQuantity":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/iso21090-PQ-translation",' +
        '"valueQuantity":{"value":16.0,"unit":"kPa","system":"http://unitsofmeasure.org","code":"kPa"}}],' +
        '"value":120.0,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}',
    );
  });

  it('gives a height in centimeters, as the bodyheight profile asks, and keeps what the scale said', () => {
    const observation = observe({ vital: MDC.height, unit: 'm', value: decimal(1750, -3) });
    expectObservation(observation);
    expect(observation.meta?.profile).toEqual(['http://hl7.org/fhir/StructureDefinition/bodyheight']);
    expect(stringifyFhir(observation.valueQuantity!)).toContain('"value":1.750,"unit":"m"');
    expect(stringifyFhir(observation.valueQuantity!)).toContain('"value":175.0,"unit":"cm"');
  });

  it.each([
    [MDC.weight, '[lb_av]', 'bodyweight'],
    [MDC.bodyMassIndex, 'kg/m2', 'bmi'],
    [MDC.respiratoryRate, '/min', 'resprate'],
  ])('follows the profile of %i in %s', (vital, unit, profile) => {
    const observation = observe({ vital, unit, value: decimal(200, -1) });
    expectObservation(observation);
    expect(observation.meta?.profile).toEqual([`http://hl7.org/fhir/StructureDefinition/${profile}`]);
  });

  it.each([
    ['mg/dL', '41653-7'],
    ['mmol/L', '14743-9'],
  ])('codes a laboratory glucose in %s by its unit, with the meal that the meter was told of', (unit, loinc) => {
    const observation = observe({
      vital: MDC.capillaryGlucose,
      unit,
      value: decimal(84, -1),
      flags: ['after-meal', 'strip-fault'],
    });
    expectObservation(observation);
    expect(observation.category[0]?.coding?.[0]?.code).toBe('laboratory');
    expect(observation.code.coding?.map(({ code }) => code)).toEqual(['160184', loinc]);
    expect(observation.component).toEqual([
      {
        code: { coding: [{ system: 'urn:iso:std:iso:11073:10101', code: '8417864' }], text: 'Meal' },
        valueCodeableConcept: {
          coding: [{ system: 'urn:iso:std:iso:11073:10101', code: '8417872' }],
          text: 'measured after a meal',
        },
      },
    ]);
    expect(observation.interpretation).toHaveLength(1);
  });

  it('says what was eaten and taken, of which observation-category knows nothing', () => {
    const carbs = observe({ vital: MDC.carbohydrates, unit: 'g', value: decimal(40, 0), flags: ['lunch'] });
    const insulin = observe({ vital: MDC.medication, unit: 'mL', value: decimal(1, -1), flags: ['rapid-acting'] });
    for (const observation of [carbs, insulin]) expectObservation(observation);
    expect(carbs.code.coding?.map(({ code }) => code)).toEqual(['8417764', '8417772']);
    expect(insulin.code.coding?.map(({ code }) => code)).toEqual(['8417796', '8417800']);
    expect(carbs.category).toHaveLength(1);
    expect(observe({ vital: MDC.exercise, unit: '%', value: decimal(60, 0) }).category[0]?.coding?.[0]?.code).toBe(
      'activity',
    );
  });

  it('names the site that the raw bytes name, and no other', () => {
    const [leaf] = readingLeaves({ characteristic: 0x2a1c, hex: '06710e00fee90705150a1e2d01' });
    const observation = toObservation({ ...inputOf({}), leaf: leaf! });
    expectObservation(observation);
    expect(observation.bodySite?.coding).toEqual([{ system: 'urn:iso:std:iso:11073:10101', code: '188452' }]);
    expect(toObservation({ ...inputOf({}), leaf: { ...leaf!, unit: '[degF]' } }).bodySite).toBeUndefined();
  });

  it('leaves degrees Fahrenheit, which the bodytemp profile allows', () => {
    const observation = observe({ vital: MDC.temperature, unit: '[degF]', value: decimal(986, -1) });
    expectObservation(observation);
    expect(stringifyFhir(observation)).toContain('"value":98.6,"unit":"°F"');
    expect(observation.meta?.profile).toEqual(['http://hl7.org/fhir/StructureDefinition/bodytemp']);
  });

  it('files glucose under laboratory, and battery under neither', () => {
    const glucose = observe({ vital: MDC.glucose, unit: 'mg/dL' });
    expect(glucose.category[0]?.coding?.[0]?.code).toBe('laboratory');
    expect(glucose.meta).toBeUndefined();
    expect(observe({ vital: MDC.battery, unit: '%' }).category).toHaveLength(1);
  });

  it('marks test data, the leaf’s and the device’s own', () => {
    for (const changes of [{ test: true }, { flags: ['demonstration'] }, { flags: ['test'] }]) {
      expect(observe(changes).meta?.security?.map(({ code }) => code)).toEqual(['HTEST']);
    }
  });

  it('does not show a number that the device calls invalid or missing', () => {
    for (const [flag, code] of [
      ['invalid', 'error'],
      ['unavailable', 'not-performed'],
    ] as const) {
      const observation = observe({ flags: [flag] });
      expectObservation(observation);
      expect(observation.dataAbsentReason?.coding?.[0]?.code).toBe(code);
    }
  });

  it('says what is doubtful, once, and lists every flag', () => {
    const observation = observe({ flags: ['body-movement', 'cuff-loose', 'early-estimate', 'from-storage'] });
    expectObservation(observation);
    expect(observation.interpretation?.map(({ coding }) => coding?.[0]?.code)).toEqual([
      'early-indication',
      'questionable',
    ]);
    expect(observation.extension.map(({ valueCode }) => valueCode).filter(Boolean)).toHaveLength(4);
    expect(observation.status).toBe('preliminary');
    const correction = { act: 'amend', reason: 'other-method', isOfValue: true, version: 2 } as const;
    expect(toObservation({ ...inputOf({ flags: ['early-estimate'] }), correction }).status).toBe('corrected');
  });

  it('claims no profile that the unit or the panel would break', () => {
    expect(observe({ unit: 'Hz' }).meta).toBeUndefined();
    const components = pressures(decimal(120, 0)).slice(0, 1);
    const halfPanel = observe({ vital: MDC.bloodPressure, unit: 'mm[Hg]', components });
    expect(halfPanel.meta).toBeUndefined();
    expectObservation(halfPanel);
  });

  it('stays well formed for whatever an agent may sign', () => {
    const strange: Partial<ReadingLeaf>[] = [
      { vital: 4_294_967_295 },
      { unit: '' },
      { unit: 'beats per\nminute' },
      { flags: ['', 'Not A Flag', '<b>', 'constructor'] },
      { measuredAt: Number.MAX_SAFE_INTEGER },
      { measuredAt: -Number.MAX_SAFE_INTEGER },
      { measuredAt: -62_135_596_800_000, zoneMin: -600 },
      { zoneMin: 100_000 },
      { value: decimal(Number.MAX_SAFE_INTEGER, 128) },
      { value: decimal(-Number.MAX_SAFE_INTEGER, -128) },
      { vital: MDC.systolic, unit: 'kPa', value: decimal(Number.MAX_SAFE_INTEGER, 0) },
      { components: [] },
      { vital: MDC.bloodPressure, components: [{ vital: 1, value: 'NaN' }] },
    ];
    for (const changes of strange) expectObservation(observe(changes));
  });

  it('satisfies its rules for every row, unit and flag', () => {
    for (const row of allVitalSigns()) {
      for (const unit of Object.keys(row.plausible)) {
        for (const flag of [undefined, ...Object.keys(QUALITY_FLAGS)]) {
          expectObservation(observe({ vital: row.mdc, unit, flags: flag === undefined ? [] : [flag] }));
        }
      }
    }
  });

  it('is the same every time, and differs by filing only in meta', () => {
    const input = inputOf({});
    expect(toObservation(input)).toEqual(toObservation(structuredClone(input)));
    const { meta: _, ...filed } = toObservation({ ...input, filedAt: measuredAt });
    const { meta: __, ...unfiled } = toObservation(input);
    expect(filed).toEqual(unfiled);
  });
});
