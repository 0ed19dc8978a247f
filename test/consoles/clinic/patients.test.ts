import { describe, expect, it } from 'vitest';
import { contactOf, LOST_CONTACT_MS } from '../../../consoles/clinic/contact.ts';
import { applyMessage, contactAt, type ShownPatient, sortPatients } from '../../../consoles/clinic/patients.ts';
import { formatInstant } from '../../../protocol/time.ts';
import { readingOf, T0 } from '../../support/console-readings.ts';

const patient = (id: string, name: string, ...latest: ShownPatient['latest']): ShownPatient => ({ id, name, latest });
const list = [patient('p1', 'Bo', readingOf()), patient('p2', 'Ada', readingOf())];

describe('applyMessage', () => {
  it('puts a reading with its patient only', () => {
    const reading = readingOf({ value: '80' }, T0 + 1);
    const [first, second] = applyMessage(list, { type: 'reading', patient: 'p2', reading });
    expect(first).toBe(list[0]);
    expect(second!.latest[0]!.value).toBe('80');
  });

  it('turns the badge when a checkpoint covers it', () => {
    const [first] = applyMessage(list, { type: 'logged', patient: 'p1', id: readingOf().id });
    expect(first!.latest[0]!.inLog).toBe(true);
  });

  it('does not make up a patient who is not in the list', () => {
    expect(applyMessage(list, { type: 'reading', patient: 'p3', reading: readingOf() })).toEqual(list);
  });
});

describe('contact', () => {
  it('is lost after the limit and not at it', () => {
    expect(contactOf(T0, T0 + LOST_CONTACT_MS)).toBe('heard');
    expect(contactOf(T0, T0 + LOST_CONTACT_MS + 1)).toBe('lost');
    expect(contactOf(undefined, T0)).toBe('never');
  });

  it('goes by when it was heard: an old measurement heard now is contact, a late one is none', () => {
    const late = readingOf({ measuredAt: formatInstant(T0 - 3_600_000) });
    expect(contactAt(patient('p', 'P', late))).toBe(T0);
  });

  it('takes the later of what was told and what came since', () => {
    const told = { ...patient('p', 'P', readingOf()), lastContactAt: formatInstant(T0 + 5) };
    expect(contactAt(told)).toBe(T0 + 5);
    expect(contactAt({ ...told, latest: [] })).toBe(T0 + 5);
    expect(contactAt(patient('p', 'P'))).toBeUndefined();
  });

  it('sorts by name', () => {
    expect(sortPatients(list).map(({ name }) => name)).toEqual(['Ada', 'Bo']);
  });
});
