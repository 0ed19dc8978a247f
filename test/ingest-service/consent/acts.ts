/** What a patient may do and what may be asked, drawn at random, and the rule of consent said a second time, naively. */
import fc from 'fast-check';
import type { CollectRequest, DiscloseRequest } from '../../../ingest-service/consent/decide.ts';
import { appendEvent, type ConsentState, nextLink, openChain } from '../../../protocol/consent-chain.ts';
import { type ConsentEvent, encodeConsentEvent, type GrantTerms } from '../../../protocol/consent-event.ts';
import { assembleSigned } from '../../../protocol/cose.ts';
import { publicKeyOf } from '../../../protocol/ed25519.ts';
import { thumbprint } from '../../../protocol/keys.ts';

const publicKey = publicKeyOf(new Uint8Array(32).fill(1));
const subject = thumbprint(publicKey);
export const empty = openChain(subject, publicKey);

/** What a patient does, in the test's own words. `revoke` names the grant by its place in the list. */
export type Act =
  | { readonly act: 'grant'; readonly terms: GrantTerms }
  | { readonly act: 'revoke'; readonly place: number }
  | { readonly act: 'revoke-all' }
  | { readonly act: 'add-key' };

const KEYS = Array.from({ length: 20 }, (_, i) => publicKeyOf(new Uint8Array(32).fill(i + 2)));
export const idOf = (place: number) => new Uint8Array(16).fill(place + 1);

/** Events of the acts through the real fold; signatures are consent-chain.test.ts's subject, so any is taken here. */
export function stateAfter(acts: readonly Act[]): ConsentState {
  let state = empty;
  for (const [place, act] of acts.entries()) {
    const event = eventOf(act, place, acts);
    if (event === undefined) continue;
    const payload = encodeConsentEvent({
      ...nextLink(state),
      at: 1000 + place,
      key: subject,
      ...event,
    } as ConsentEvent);
    state = appendEvent(state, assembleSigned(payload, new Uint8Array(64)), () => true);
  }
  return state;
}

export function eventOf(act: Act, place: number, acts: readonly Act[]): object | undefined {
  switch (act.act) {
    case 'grant':
      return { type: 'grant', grant: idOf(place), terms: act.terms };
    case 'revoke':
      if (act.place >= place || acts[act.place]?.act !== 'grant') return undefined;
      return { type: 'revoke', grant: idOf(act.place) };
    case 'revoke-all':
      return { type: 'revoke-all' };
    case 'add-key':
      return { type: 'key-add', publicKey: KEYS[place]! };
  }
}

export const CLASSES = ['heart-rate', 'glucose', 'blood-pressure'];
export const GRANTEES = ['Practitioner/eye', 'Practitioner/back', 'Organization/clinic'];
export const DEVICES = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)];
const time = fc.integer({ min: 0, max: 12 });

/** Bounds of a half-open interval that is not empty; either may be absent. */
const bounds = fc
  .tuple(time, fc.integer({ min: 1, max: 8 }), fc.boolean(), fc.boolean())
  .map(([from, length, hasFrom, hasTo]) => ({ ...(hasFrom && { from }), ...(hasTo && { to: from + length }) }));

const commonTerms = fc
  .tuple(
    fc.oneof(
      { weight: 4, arbitrary: fc.subarray(CLASSES, { minLength: 1 }) },
      { weight: 1, arbitrary: fc.constant(['*']) },
    ),
    bounds,
    bounds,
  )
  .map(([classes, period, data]) => ({
    classes: classes.toSorted(),
    period: { from: 0, ...period },
    ...(data.from !== undefined && { dataFrom: data.from }),
    ...(data.to !== undefined && { dataTo: data.to }),
  }));

export const terms: fc.Arbitrary<GrantTerms> = fc.oneof(
  fc
    .tuple(commonTerms, fc.constantFrom(...GRANTEES), fc.subarray(['HRESCH', 'TREAT'], { minLength: 1 }))
    .map(([common, grantee, purposes]) => ({ action: 'disclose' as const, grantee, purposes, ...common })),
  fc
    .tuple(commonTerms, fc.option(fc.constantFrom(...DEVICES), { nil: undefined }))
    .map(([common, device]) => ({ action: 'collect' as const, ...common, ...(device && { device }) })),
);

export const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 5, arbitrary: terms.map((given) => ({ act: 'grant' as const, terms: given })) },
  { weight: 2, arbitrary: fc.nat(8).map((place) => ({ act: 'revoke' as const, place })) },
  { weight: 1, arbitrary: fc.constant({ act: 'revoke-all' as const }) },
  { weight: 1, arbitrary: fc.constant({ act: 'add-key' as const }) },
);
export const acts = fc.array(act, { maxLength: 9 });

const vitalClass = fc.constantFrom(...CLASSES, 'unheard-of', undefined);
export const disclose: fc.Arbitrary<DiscloseRequest> = fc.record({
  action: fc.constant('disclose' as const),
  grantees: fc.subarray([...GRANTEES, 'Practitioner/nobody']),
  purpose: fc.constantFrom('TREAT', 'HRESCH', 'ETREAT'),
  vitalClass,
  measuredAt: time,
  at: time,
});
export const request: fc.Arbitrary<CollectRequest | DiscloseRequest> = fc.oneof(
  disclose,
  fc.record({
    action: fc.constant('collect' as const),
    device: fc.constantFrom(...DEVICES),
    vitalClass,
    measuredAt: time,
    at: time,
  }),
);

/** The request as drawn, but for the times, made to fit a grant: most that are drawn freely fit none. */
export function aimedAt(
  given: Act | undefined,
  drawn: CollectRequest | DiscloseRequest,
): CollectRequest | DiscloseRequest {
  if (given?.act !== 'grant') return drawn;
  const { terms: one } = given;
  const { measuredAt, at } = drawn;
  const named = one.classes[0] === '*' ? CLASSES[0] : one.classes[0];
  if (one.action === 'collect') {
    return { action: 'collect', device: one.device ?? DEVICES[1]!, vitalClass: named, measuredAt, at };
  }
  const grantees = [GRANTEES[1]!, one.grantee];
  return { action: 'disclose', grantees, purpose: one.purposes[0]!, vitalClass: named, measuredAt, at };
}

/** The rule said again, straight from the acts, without fold, state or shared code: places of the grants that permit. */
export function permitting(done: readonly Act[], asked: CollectRequest | DiscloseRequest): number[] {
  return [...done.keys()].filter((place) => {
    const one = done[place]!;
    if (one.act !== 'grant' || one.terms.action !== asked.action) return false;
    const ended = done.some(
      (later, i) => i > place && (later.act === 'revoke-all' || (later.act === 'revoke' && later.place === place)),
    );
    const given = one.terms;
    const inside = (t: number, from = -Infinity, to = Infinity) => from <= t && t < to;
    const known =
      asked.vitalClass !== undefined && [asked.vitalClass, '*'].some((name) => given.classes.includes(name));
    const now = inside(asked.at, given.period.from, given.period.to);
    return !ended && known && fitsWho(given, asked) && now && inside(asked.measuredAt, given.dataFrom, given.dataTo);
  });
}

function fitsWho(given: GrantTerms, asked: CollectRequest | DiscloseRequest): boolean {
  if (given.action === 'collect') {
    return asked.action === 'collect' && (given.device === undefined || String(given.device) === String(asked.device));
  }
  if (asked.action !== 'disclose') return false;
  return new Set(asked.grantees).has(given.grantee) && new Set(given.purposes).has(asked.purpose);
}
