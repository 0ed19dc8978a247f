/** Readings of meters, scales, straps, cuffs, oximeters and glucose sensors, line by line. */
import { describe, expect, it } from 'vitest';
import { concatBytes, decodeHex } from '../../../protocol/bytes.ts';
import { encodeCgmFeature } from '../../../protocol/gatt/cgm-session.ts';
import { crc16 } from '../../../protocol/gatt/crc16.ts';
import { hex, readingLines } from '../../support/reading-lines.ts';

const service = { carrier: 'service-data' } as const;

describe('a glucose meter', () => {
  it.each([
    [
      'kg/L as mg/dL',
      '020100ea070101080000 54b0 11',
      ['capillary-glucose 84 mg/dL 2026-01-01T08:00:00 site=8417848 #1'],
    ],
    ['mol/L as mmol/L', '060100ea070101080000 34d0 f2', ['capillary-plasma-glucose 52 mmol/L 2026-01-01T08:00:00 #1']],
    [
      'tenths of mmol/L',
      '060100ea070101080000 34c0 28',
      ['plasma-glucose 5.2 mmol/L 2026-01-01T08:00:00 site=8417852 #1'],
    ],
    ['time offset', '030100ea070101080000 3cff 54b0 f3', ['venous-glucose 84 mg/dL 2026-01-01T04:44:00 #1']],
    [
      'failed',
      '0a0100ea070101080000 ff07 f4 0400',
      ['venous-plasma-glucose NaN mg/dL sample-insufficient 2026-01-01T08:00:00 #1'],
    ],
    [
      'all status',
      '0a0100ea070101080000 54b0 f5 ff0f',
      [
        'arterial-glucose 84 mg/dL battery-low,clock-not-set,out-of-device-range,sample-insufficient,sensor-fault,sensor-temperature,strip-fault #1',
      ],
    ],
    [
      'arterial plasma, undetermined, interstitial',
      '020100ea070101080000 54b0 f6',
      ['arterial-plasma-glucose 84 mg/dL 2026-01-01T08:00:00 #1'],
    ],
    ['year unknown', '020100 00000101080000 54b0 f7', ['blood-glucose 84 mg/dL #1']],
    ['ISF', '020100ea070101080000 54b0 f9', ['glucose 84 mg/dL 2026-01-01T08:00:00 #1']],
    ['control solution by type', '020100ea070101080000 54b0 fa', ['(control-solution)']],
    ['control solution by location', '020100ea070101080000 54b0 41', ['(control-solution)']],
    ['reserved type', '020100ea070101080000 54b0 f0', ['(unknown-code)']],
    ['no concentration', '000100ea070101080000', ['(no-value)']],
  ])('%s', (_, value, expected) => {
    expect(readingLines(0x2a18, value)).toEqual(expected);
  });

  const value = '120700ea070101080000 54b0 11';

  it('gives what its context tells, each as a reading of its own', () => {
    const companion = hex('5f 0700 02 1ee0 02 21 100e 3c 01 32a0 36f0');
    expect(readingLines(0x2a18, value, { companion })).toEqual([
      'capillary-glucose 84 mg/dL after-meal,major-illness 2026-01-01T08:00:00 site=8417848 #7 +companion',
      'glycated-hemoglobin 5.4 % 2026-01-01T08:00:00 #7 +companion',
      'carbohydrates 300 g lunch 2026-01-01T08:00:00 #7 +companion',
      'medication 50 mg rapid-acting 2026-01-01T08:00:00 #7 +companion',
      'exercise 60 % 2026-01-01T08:00:00 #7 +companion',
    ]);
    expect(readingLines(0x2a18, value, { companion: hex('30 0700 04 05d0') })).toContain(
      'medication 5 mL long-acting 2026-01-01T08:00:00 #7 +companion',
    );
  });

  it('does not look at the context of another record, nor at one that cannot be read', () => {
    for (const companion of [hex('02 0800 01'), hex('02'), new Uint8Array()]) {
      expect(readingLines(0x2a18, value, { companion })).toEqual([
        'capillary-glucose 84 mg/dL 2026-01-01T08:00:00 site=8417848 #7',
      ]);
    }
  });

  it('gives what the context tells when the strip failed, and nothing around control solution', () => {
    const companion = hex('02 0700 01');
    expect(readingLines(0x2a18, '100700ea070101080000', { companion })).toEqual(['(no-value)']);
    expect(readingLines(0x2a18, value.replace(/11$/, '1a'), { companion: hex('40 0700 36f0') })).toEqual([
      '(control-solution)',
    ]);
  });

  it('means nothing by a status that it does not claim to give', () => {
    const status = '0a0100ea070101080000 54b0 f1 0908';
    expect(readingLines(0x2a18, status)).toEqual([
      'capillary-glucose 84 mg/dL battery-low,clock-not-set,strip-fault #1',
    ]);
    expect(readingLines(0x2a18, status, { feature: hex('0100') })).toEqual([
      'capillary-glucose 84 mg/dL battery-low 2026-01-01T08:00:00 #1 +feature',
    ]);
    expect(readingLines(0x2a18, value, { feature: hex('0100') })[0]).not.toContain('feature');
    expect(readingLines(0x2a18, status, { feature: hex('01') })[0]).toContain('clock-not-set');
  });

  it('never takes a ketone for a glucose where the profile knows the difference', () => {
    const profile = 'care-sens-meter';
    expect(readingLines(0x2a18, value, { profile, companion: hex('02 0700 06') })).toEqual(['(ketone)']);
    expect(readingLines(0x2a18, value, { profile })).toEqual(['(context-missing)']);
    expect(readingLines(0x2a18, value, { profile, companion: hex('02 0700 01') })[0]).toContain('before-meal');
    expect(readingLines(0x2a18, value.replace(/^12/, '02'), { profile })[0]).toContain('capillary-glucose 84');
    expect(readingLines(0x2a18, value, { companion: hex('02 0700 06') })[0]).toContain('capillary-glucose 84');
    expect(() => readingLines(0x2a18, value, { profile: 'no-such' })).toThrow(
      expect.objectContaining({ code: 'not-found' }),
    );
  });
});

describe('a scale', () => {
  it.each([
    [0x2a9d, '00ffff', ['body-weight NaN kg']],
    [0x2a9d, '01543d', ['body-weight 157.00 [lb_av]']],
    [0x2a9d, '082c3adb00da06', ['body-weight 74.460 kg', 'body-mass-index 21.9 kg/m2', 'body-height 1.754 m']],
    [
      0x2a9d,
      '0f543de7070c190e1e2d03f500a802',
      [
        'body-weight 157.00 [lb_av] 2023-12-25T14:30:45 user=3',
        'body-mass-index 24.5 kg/m2 2023-12-25T14:30:45 user=3',
        'body-height 68.0 [in_i] 2023-12-25T14:30:45 user=3',
      ],
    ],
    [0x2a9d, '042c3aff', ['body-weight 74.460 kg']],
    [0x2a9c, '30006400c800b80b', ['body-fat 10.0 %']],
    [0x2a9c, '0000ffff', ['body-fat NaN %']],
    [
      0x2a9c,
      'c00d c800 2c3a 2d3a 2e3a 2f3a da06',
      [
        'body-fat 20.0 %',
        'fat-free-mass 74.460 kg',
        'soft-lean-mass 74.465 kg',
        'body-water 74.470 kg',
        'body-weight 74.475 kg',
        'body-height 1.754 m',
      ],
    ],
  ])('%i %s', (characteristic, value, expected) => {
    expect(readingLines(characteristic, value)).toEqual(expected);
  });

  it('gives the second of two values at the time and for the user of the first', () => {
    const companion = hex('0610 c800 ea070101080000 02');
    expect(readingLines(0x2a9c, companion)).toEqual(['body-fat 20.0 % 2026-01-01T08:00:00 user=2']);
    expect(readingLines(0x2a9c, '0014 c800 2c3a', { companion })).toEqual([
      'body-weight 74.460 kg 2026-01-01T08:00:00 user=2 +companion',
    ]);
    expect(readingLines(0x2a9c, '0014 c900 2c3a', { companion })).toEqual(['body-fat 20.1 %', 'body-weight 74.460 kg']);
  });

  it.each([
    [0x181d, '223e30e607020e10293a', ['body-weight 61.750 kg 2022-02-14T16:41:58']],
    [0x181d, 'a23e30e607020e10293a', ['(unsettled)']],
    [0x181d, '821400e507040b101708', ['(unsettled)']],
    [0x181d, '237233e607020e10293a', ['body-weight 131.70 [lb_av] 2022-02-14T16:41:58']],
    [0x181d, '327c30e607020e10293a', ['body-weight 62.060 kg 2022-02-14T16:41:58']],
    [0x181d, '223e30b207020e10293a', ['body-weight 61.750 kg clock-not-set']],
    [0x181b, '0226e607020e10293af7019a38', ['body-weight 72.450 kg 2022-02-14T16:41:58']],
    [0xfcd2, '400009015d025d0903b718', ['battery 93 %', 'body-temperature 23.97 Cel']],
    [0xfcd2, '40073e1d', ['body-weight 74.86 [lb_av]']],
    [0xfcd2, '4002ca0902cf09', ['body-temperature 25.06 Cel', '(repeated)']],
    [0xfcd2, '40015dfe', ['battery 93 % unknown-octets']],
    [0xfcd2, '40015d5000286a69', ['battery 93 % 2026-01-16T11:58:56 zone=0']],
  ])('advertised under %i: %s', (uuid, value, expected) => {
    expect(readingLines(uuid, value, service)).toEqual(expected);
  });

  it('is not heard where nothing can be read', () => {
    expect(() => readingLines(0xfcd2, '4101', service)).toThrow(expect.objectContaining({ code: 'encrypted' }));
    expect(() => readingLines(0x2a9d, '00ffff', service)).toThrow(
      expect.objectContaining({ code: 'unknown-characteristic' }),
    );
    expect(() => readingLines(0x181d, '223e30e607020e10293a')).toThrow(
      expect.objectContaining({ code: 'unknown-characteristic' }),
    );
  });
});

describe('a strap', () => {
  it('is heard by its advertisement', () => {
    const context = { carrier: 'manufacturer-data' } as const;
    expect(readingLines(0x006b, '6b003b164446', context)).toEqual(['heart-rate 70 /min']);
    expect(readingLines(0x006b, '6b0038164446', context)).toEqual(['heart-rate 70 /min battery-low,no-contact']);
  });

  it('that runs gives speed and cadence', () => {
    expect(readingLines(0x2a53, '00800250')).toEqual(['speed 2.50000000 m/s', 'cadence 80 /min']);
  });
});

describe('a cuff', () => {
  const minimal = '00780050006400';

  it.each([
    ['no times', minimal, ['blood-pressure systolic-pressure=120,diastolic-pressure=80,mean-pressure=100 mm[Hg]']],
    [
      'failed',
      '14ff07ff07ff07ff070000',
      [
        'blood-pressure systolic-pressure=NaN,diastolic-pressure=NaN,mean-pressure=NaN mm[Hg]',
        'cuff-pulse-rate NaN /min',
      ],
    ],
    [
      'UTC since 2000',
      '42780050006400 00000000',
      [
        'blood-pressure systolic-pressure=120,diastolic-pressure=80,mean-pressure=100 mm[Hg] 2000-01-01T00:00:00 zone=0',
      ],
    ],
    [
      'UTC since 1900 and local time',
      '22780050006400 80510100 90 5f 01 00'.replaceAll(' ', ''),
      [
        'blood-pressure systolic-pressure=120,diastolic-pressure=80,mean-pressure=100 mm[Hg] 1900-01-02T01:00:00 zone=60',
      ],
    ],
    [
      'local time alone, user unknown',
      '68780050006400 ff 00000000',
      ['blood-pressure systolic-pressure=120,diastolic-pressure=80,mean-pressure=100 mm[Hg] 2000-01-01T00:00:00'],
    ],
    [
      'local time that no zone has',
      '62780050006400 80510100 80f40300',
      [
        'blood-pressure systolic-pressure=120,diastolic-pressure=80,mean-pressure=100 mm[Hg] 2000-01-02T00:00:00 zone=0',
      ],
    ],
  ])('enhanced: %s', (_, value, expected) => {
    expect(readingLines(0x2b34, value)).toEqual(expected);
  });

  it('means nothing by a status that it does not claim to detect', () => {
    const value = '10780050005d002f00';
    expect(readingLines(0x2a35, value)[0]).toContain(
      'bad-position,body-movement,cuff-loose,irregular-pulse,pulse-range',
    );
    expect(readingLines(0x2a35, value, { feature: hex('0100') })[0]).toMatch(/mm\[Hg\] body-movement \+feature$/);
    expect(readingLines(0x2a35, value, { feature: hex('1e00') })[0]).toContain(
      ' bad-position,cuff-loose,irregular-pulse,pulse-range +feature',
    );
    expect(readingLines(0x2a35, minimal, { feature: hex('0100') })[0]).not.toContain('+feature');
  });

  it('gives the value of a record, with or without its CRC', () => {
    const record = `030700 342b ${minimal}`.replaceAll(' ', '');
    const line = 'blood-pressure systolic-pressure=120,diastolic-pressure=80,mean-pressure=100 mm[Hg]';
    const crc = crc16(decodeHex(record.slice(2)));
    const right = concatBytes(decodeHex(record), Uint8Array.of(crc & 0xff, crc >> 8));
    const wrong = concatBytes(decodeHex(record), Uint8Array.of(0, 0));
    const withCrc = { feature: hex('4000') };
    expect(readingLines(0x2b36, record)).toEqual([`${line} from-storage #7`]);
    expect(readingLines(0x2b36, right)).toEqual([`${line} from-storage #7`]);
    expect(readingLines(0x2b36, right, withCrc)).toEqual([`${line} from-storage #7 +feature`]);
    expect(readingLines(0x2b36, wrong, withCrc)).toEqual([`${line} crc-mismatch,from-storage #7 +feature`]);
    expect(() => readingLines(0x2b36, wrong)).toThrow(expect.objectContaining({ code: 'trailing' }));
    expect(readingLines(0x2b36, '010700342b78')).toEqual(['(segment)']);
    expect(readingLines(0x2b36, '030700362a00780050006400')).toEqual([]);
    expect(() => readingLines(0x2b36, '030700372a0648')).toThrow(
      expect.objectContaining({ code: 'unknown-characteristic' }),
    );
  });
});

describe('an oximeter', () => {
  it('means nothing by status that it does not claim to give', () => {
    const value = '0c 62 00 40 00 0004 200000'.replaceAll(' ', '');
    expect(readingLines(0x2a5f, value)[0]).toBe('oxygen-saturation 98 % demonstration,low-perfusion TEST');
    expect(readingLines(0x2a5f, value, { feature: hex('0000') })[0]).toBe('oxygen-saturation 98 % +feature');
    expect(readingLines(0x2a5f, value, { feature: hex('0100 0020') })[0]).toBe('oxygen-saturation 98 % +feature');
    expect(readingLines(0x2a5f, value, { feature: hex('0300') })[0]).toContain('low-perfusion TEST +feature');
    expect(readingLines(0x2a5f, '0062004000', { feature: hex('0000') })[0]).toBe('oxygen-saturation 98 %');
  });
});

describe('a glucose sensor', () => {
  it('has its check sums looked at as it says that it sends them', () => {
    const sample = { type: 'isf', location: 'subcutaneous' } as const;
    const withCrc = encodeCgmFeature({ features: ['e2eCrc'], ...sample });
    const without = encodeCgmFeature({ features: [], ...sample });
    expect(readingLines(0x2aa7, '060078001e00', { feature: withCrc })).toEqual([
      'glucose 120 mg/dL crc-mismatch +feature',
    ]);
    expect(readingLines(0x2aa7, '060078001e00', { feature: without })).toEqual(['glucose 120 mg/dL +feature']);
    expect(readingLines(0x2aa7, '08000c100600586f', { feature: without })[0]).toContain('unknown-octets +feature');
    expect(readingLines(0x2aa7, '08000c100600586f', { feature: withCrc })[0]).toContain('crc-mismatch +feature');
    const damaged = Uint8Array.from(withCrc, (octet, i) => (i === 0 ? octet ^ 1 : octet));
    expect(readingLines(0x2aa7, '060078001e00', { feature: damaged })).toEqual(['glucose 120 mg/dL']);
  });
});
