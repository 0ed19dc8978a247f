import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DENIALS,
  type DiscloseRequest,
  decide,
  describeReason,
  disclosablePeriod,
  mayKnow,
  OWN,
} from '../../../ingest-service/consent/decide.ts';
import { formatGrantId } from '../../../protocol/consent-chain.ts';
import type { GrantTerms } from '../../../protocol/consent-event.ts';
import {
  type Act,
  act,
  acts,
  aimedAt,
  CLASSES,
  DEVICES,
  disclose,
  empty,
  eventOf,
  GRANTEES,
  idOf,
  permitting,
  request,
  stateAfter,
  terms,
} from './acts.ts';

const RUNS = { numRuns: 500 };

describe('decide', () => {
  it('agrees with the rule said naively, on what and on which grant', () => {
    let permitted = 0;
    fc.assert(
      fc.property(acts, request, fc.nat(3), (done, drawn, place) => {
        const asked = aimedAt(done[place], drawn);
        const decision = decide(stateAfter(done), asked);
        const [oldest] = permitting(done, asked);
        expect(decision.permit && decision.grant).toBe(oldest !== undefined && formatGrantId(idOf(oldest)));
        if (decision.permit) permitted++;
      }),
      RUNS,
    );
    expect(permitted).toBeGreaterThan(20);
  });

  it('denies without a grant, and without a patient', () => {
    fc.assert(
      fc.property(request, (asked) => {
        expect(decide(empty, asked)).toEqual({ permit: false, reason: 'no-grant', epoch: 0 });
        expect(decide(undefined, asked)).toEqual({ permit: false, reason: 'no-patient', epoch: 0 });
      }),
      { numRuns: 100 },
    );
    expect(decide(undefined, { action: 'own' }).permit).toBe(false);
  });

  it('denies everything after revoke-all', () => {
    fc.assert(
      fc.property(acts, request, (done, asked) => {
        const decision = decide(stateAfter([...done, { act: 'revoke-all' }]), asked);
        expect(decision.permit).toBe(false);
      }),
      RUNS,
    );
  });

  it('never permits by a grant that was revoked', () => {
    fc.assert(
      fc.property(acts, request, (done, asked) => {
        const before = decide(stateAfter(done), asked);
        if (!before.permit) return;
        const place = done.findIndex((_, i) => formatGrantId(idOf(i)) === before.grant);
        const after = decide(stateAfter([...done, { act: 'revoke', place }]), asked);
        expect(after).not.toMatchObject({ permit: true, grant: before.grant });
      }),
      RUNS,
    );
  });

  it('raises the epoch with every event and never otherwise', () => {
    fc.assert(
      fc.property(acts, act, request, (done, one, asked) => {
        const before = decide(stateAfter(done), asked).epoch;
        const state = stateAfter([...done, one]);
        expect(decide(state, asked).epoch).toBe(state.seq);
        expect(state.seq - before).toBe(eventOf(one, done.length, [...done, one]) ? 1 : 0);
      }),
      RUNS,
    );
  });

  it('does not depend on the order of grants, nor on events that grant and revoke nothing', () => {
    const grants = fc.array(terms, { maxLength: 6 });
    fc.assert(
      fc.property(grants, fc.infiniteStream(fc.nat()), request, (given, keys, asked) => {
        const order = given.map((one) => [keys.next().value ?? 0, one] as const).sort((a, b) => a[0] - b[0]);
        const plain = given.map((one): Act => ({ act: 'grant', terms: one }));
        const other = order.flatMap(([, one]): Act[] => [{ act: 'add-key' }, { act: 'grant', terms: one }]);
        const [a, b] = [decide(stateAfter(plain), asked), decide(stateAfter(other), asked)];
        expect(b.permit).toBe(a.permit);
        if (!a.permit && !b.permit) expect(b.reason).toBe(a.reason);
      }),
      RUNS,
    );
  });

  it('knows beforehand exactly what could be shown, of a vital sign and of the patient', () => {
    fc.assert(
      fc.property(acts, disclose, (done, asked) => {
        const state = stateAfter(done);
        // Data periods of the test start and end between 0 and 20.
        const sees = (name: string | undefined) =>
          Array.from({ length: 23 }, (_, i) => i - 1).some(
            (measuredAt) => decide(state, { ...asked, vitalClass: name, measuredAt }).permit,
          );
        expect(disclosablePeriod(state, asked) !== undefined).toBe(sees(asked.vitalClass));
        expect(mayKnow(state, asked.grantees, asked.purpose, asked.at)).toBe(CLASSES.some(sees));
      }),
      { numRuns: 200 },
    );
    expect(mayKnow(undefined, GRANTEES, 'TREAT', 0)).toBe(false);
  });
});

describe('reasons', () => {
  const full: GrantTerms = {
    action: 'disclose',
    grantee: GRANTEES[0]!,
    classes: ['heart-rate'],
    purposes: ['TREAT'],
    period: { from: 10, to: 20 },
    dataFrom: 5,
    dataTo: 15,
  };
  const fits: DiscloseRequest = {
    action: 'disclose',
    grantees: ['Practitioner/nobody', GRANTEES[0]!],
    purpose: 'TREAT',
    vitalClass: 'heart-rate',
    measuredAt: 5,
    at: 10,
  };
  const granted: Act = { act: 'grant', terms: full };
  const reason = (done: readonly Act[], changes: Partial<DiscloseRequest>) => {
    const decision = decide(stateAfter(done), { ...fits, ...changes });
    return decision.permit ? 'permit' : decision.reason;
  };

  it.each<[string, Partial<DiscloseRequest>]>([
    ['permit', {}],
    ['permit', { at: 19, measuredAt: 14 }],
    ['not-yet', { at: 9 }],
    ['expired', { at: 20 }],
    ['outside-data-period', { measuredAt: 4 }],
    ['outside-data-period', { measuredAt: 15 }],
    ['outside-data-period', { measuredAt: Number.NaN }],
    ['not-yet', { at: Number.NaN }],
    ['other-class', { vitalClass: 'glucose' }],
    ['other-class', { vitalClass: undefined }],
    ['other-purpose', { purpose: 'HRESCH' }],
    ['other-grantee', { grantees: [GRANTEES[1]!] }],
    ['other-grantee', { grantees: [] }],
  ])('%s: %o', (expected, changes) => {
    expect(reason([granted], changes)).toBe(expected);
  });

  it('says revoked, and the nearest miss of several', () => {
    expect(reason([granted, { act: 'revoke', place: 0 }], {})).toBe('revoked');
    expect(reason([granted, { act: 'grant', terms: { ...full, classes: ['glucose'] } }], { at: 20 })).toBe('expired');
  });

  it('keeps one device apart from another', () => {
    const collect: GrantTerms = { action: 'collect', classes: ['*'], period: { from: 0 }, device: DEVICES[0]! };
    const state = stateAfter([{ act: 'grant', terms: collect }]);
    const asked = { action: 'collect', vitalClass: 'glucose', measuredAt: 1, at: 1 } as const;
    expect(decide(state, { ...asked, device: DEVICES[0]! }).permit).toBe(true);
    expect(decide(state, { ...asked, device: DEVICES[1]! })).toMatchObject({ permit: false, reason: 'other-device' });
    expect(decide(state, fits)).toMatchObject({ permit: false, reason: 'no-grant' });
  });

  it('always lets the patient see her own', () => {
    expect(decide(empty, { action: 'own' })).toEqual({ permit: true, grant: OWN, epoch: 0 });
  });

  it('has a sentence for each', () => {
    expect(new Set(DENIALS.map(describeReason)).size).toBe(DENIALS.length);
  });
});
