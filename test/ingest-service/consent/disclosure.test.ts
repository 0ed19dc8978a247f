import { describe, expect, it } from 'vitest';
import { OWN } from '../../../ingest-service/consent/decide.ts';
import {
  checkDisclosures,
  type DisclosureAct,
  decodeDisclosure,
  disclosureId,
  encodeDisclosure,
  followDisclosure,
  linkDisclosure,
  openDisclosures,
} from '../../../ingest-service/consent/disclosure.ts';
import { isFault } from '../../../protocol/fault.ts';

const subject = new Uint8Array(32).fill(5);
const search: DisclosureAct = {
  at: 1_700_000_000_000,
  kind: 'search',
  who: 'Practitioner/eye',
  role: 'practitioner',
  purpose: 'TREAT',
  grants: ['abc'],
  classes: ['blood-pressure', 'heart-rate'],
  count: 12,
};
const denied: DisclosureAct = { ...search, kind: 'denied', grants: [], count: 0, reason: 'other-grantee' };
const own: DisclosureAct = { ...search, kind: 'receipt', role: 'patient', purpose: 'PATRQT', grants: [OWN], count: 1 };

function chain(acts: readonly DisclosureAct[]): Uint8Array[] {
  let head = openDisclosures(subject);
  return acts.map((act) => {
    const linked = linkDisclosure(head, act);
    head = linked.head;
    return linked.bytes;
  });
}

function faultOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isFault(error)) return error.code;
    throw error;
  }
  return 'none';
}

describe('disclosure', () => {
  it.each([search, denied, own])('comes back as it was: $kind', (act) => {
    const { bytes, head } = linkDisclosure(openDisclosures(subject), act);
    expect(decodeDisclosure(bytes)).toEqual({ ...act, subject, seq: 1, previous: new Uint8Array(32) });
    expect(head).toEqual({ subject, seq: 1, id: disclosureId(bytes) });
  });

  it('adds up to the head, and any entry changed, dropped, doubled or moved breaks it', () => {
    const entries = chain([search, denied, own, search]);
    expect(checkDisclosures(subject, entries).seq).toBe(4);
    expect(checkDisclosures(subject, [])).toEqual(openDisclosures(subject));
    for (let i = 0; i < 3; i++) {
      const entry = decodeDisclosure(entries[i]!);
      const altered = encodeDisclosure({ ...entry, at: entry.at + 1 });
      const broken = [
        entries.with(i, altered),
        entries.toSpliced(i, 1),
        entries.toSpliced(i, 0, entries[i]!),
        entries.with(i, entries[i + 1]!).with(i + 1, entries[i]!),
      ];
      for (const list of broken) expect(faultOf(() => checkDisclosures(subject, list))).toBe('bad-chain');
    }
    expect(faultOf(() => checkDisclosures(new Uint8Array(32), entries))).toBe('bad-chain');
  });

  it('refuses an entry that follows another one', () => {
    const head = linkDisclosure(openDisclosures(subject), search).head;
    const other = linkDisclosure(linkDisclosure(openDisclosures(subject), own).head, search).bytes;
    expect(faultOf(() => followDisclosure(head, other))).toBe('bad-chain');
  });

  it('refuses a denial that showed something, and a reason without a denial', () => {
    const head = openDisclosures(subject);
    for (const act of [
      { ...denied, count: 1 },
      { ...denied, grants: ['abc'] },
      { ...search, reason: 'expired' },
    ]) {
      expect(faultOf(() => linkDisclosure(head, act))).toBe('malformed');
    }
  });
});
