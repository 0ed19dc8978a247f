import { describe, expect, it } from 'vitest';
import { classesText, classText, grantableSigns } from '../../../consoles/portal/classes.ts';
import { deviceHeardAt } from '../../../consoles/portal/device-heard.ts';
import { actText, whoText } from '../../../consoles/portal/disclosure-text.ts';
import { collectText, isStanding, purposesText, revokeQuestion } from '../../../consoles/portal/grants.ts';
import type { Disclosure, Grant } from '../../../consoles/shared/answers.ts';
import { DENIALS } from '../../../ingest-service/consent/decide.ts';
import { DISCLOSURE_KINDS } from '../../../ingest-service/consent/disclosure.ts';
import { formatInstant } from '../../../protocol/time.ts';
import { readingOf, T0 } from '../../support/console-readings.ts';

const collect: Grant = {
  id: 'g',
  action: 'collect',
  classes: ['battery', 'heart-rate'],
  device: '1111',
  from: formatInstant(T0),
  grantedAt: formatInstant(T0),
};
const disclose: Grant = {
  id: 'g',
  action: 'disclose',
  classes: ['*'],
  grantee: { id: 'staff/1', name: 'Dr. Iris Lund' },
  purposes: ['TREAT'],
  from: formatInstant(T0),
  grantedAt: formatInstant(T0),
};
const strap = { id: '1111', name: 'Pulse Strap' };

describe('classes', () => {
  it('are words in the order of the table', () => {
    expect(classesText(['glucose', 'heart-rate', 'heart-rate'])).toBe('heart rate and glucose (interstitial)');
    expect(classText('*')).toBe('all vital signs');
    expect(classText('some-later-class')).toBe('some later class');
  });

  it('can be granted by panel, not by its parts', () => {
    const names = grantableSigns().map(({ name }) => name);
    expect(names).toContain('blood-pressure');
    expect(names).not.toContain('systolic-pressure');
  });
});

describe('grants', () => {
  it('are told in plain words', () => {
    expect(collectText(collect, [strap])).toBe('Veravita may collect heart rate and battery level from Pulse Strap');
    expect(collectText({ ...disclose, action: 'collect' }, [])).toBe(
      'Veravita may collect all vital signs from any of your devices',
    );
    expect(purposesText(['TREAT', 'XYZ'])).toBe('treatment and XYZ');
    expect(revokeQuestion(disclose, []).title).toBe('Stop sharing with Dr. Iris Lund?');
    expect(revokeQuestion(collect, [strap]).body).toContain('heart rate and battery level from Pulse Strap');
  });

  it('stand until revoked or over, half-open', () => {
    const ending = { ...disclose, to: formatInstant(T0 + 1000) };
    expect(isStanding(ending, T0 + 999)).toBe(true);
    expect(isStanding(ending, T0 + 1000)).toBe(false);
    expect(isStanding({ ...disclose, revokedAt: formatInstant(T0) }, T0)).toBe(false);
  });
});

describe('disclosures', () => {
  const entry: Disclosure = {
    seq: 1,
    at: formatInstant(T0),
    kind: 'search',
    role: 'practitioner',
    who: { id: 'staff/1', name: 'Dr. Iris Lund' },
    purpose: 'TREAT',
    classes: ['heart-rate'],
    count: 3,
  };

  it('say who did what', () => {
    expect(`${whoText(entry)} ${actText(entry)}`).toBe('Dr. Iris Lund searched and saw 3 readings: heart rate');
    expect(whoText({ ...entry, role: 'patient', who: { id: 'patient' } })).toBe('You');
    expect(whoText({ ...entry, who: { id: 'staff/2' } })).toBe('staff/2');
  });

  it('say that a request was refused and why', () => {
    const denied = { ...entry, kind: 'denied', count: 0, reason: 'revoked' };
    expect(actText(denied)).toBe('was refused heart rate, because you have revoked the grant');
  });

  it('have words for every kind and every reason that the service writes', () => {
    const unknown = actText({ ...entry, kind: 'unknown' });
    for (const kind of DISCLOSURE_KINDS) expect(actText({ ...entry, kind })).not.toBe(unknown);
    for (const reason of DENIALS) {
      expect(actText({ ...entry, kind: 'denied', reason })).toMatch(/because (you|your|the|there) .*(grant|patient)/);
    }
  });
});

describe('deviceHeardAt', () => {
  it('is the later of its description and its readings', () => {
    const device = { id: '1111', heardAt: formatInstant(T0) };
    expect(deviceHeardAt(device, [readingOf({}, T0 + 5000), readingOf({ device: '2' }, T0 + 9000)])).toBe(
      formatInstant(T0 + 5000),
    );
    expect(deviceHeardAt({ id: '3' }, [])).toBeUndefined();
  });
});
