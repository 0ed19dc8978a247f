import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CborValue, encodeCbor } from '../../protocol/cbor.ts';
import { signPayload } from '../../protocol/cose.ts';
import { DEVICE_KINDS } from '../../protocol/device-kind.ts';
import { PAIRING_FAILURES } from '../../protocol/pairing-failure.ts';
import {
  type FoundDevice,
  LINK_STATES,
  MAX_FOUND,
  MAX_NAME,
  openReport,
  type Report,
  type ReportContent,
  signReport,
} from '../../protocol/report.ts';
import { faultOf } from '../support/fault-of.ts';
import { nodeVerify } from '../support/node-verify.ts';
import { PARTIES, signerOf } from '../support/receipt-builder.ts';

const { agent: signer } = PARTIES;
const head = { agent: new Uint8Array(32).fill(1), boot: new Uint8Array(16).fill(2), number: 3, at: 1_800_000_000_000 };
const device = { address: 'c0:01:02:03:04:05', addressType: 'random' } as const;
const found: FoundDevice = { ...device, kind: 'thermometer', profile: 'generic', rssi: -60, heardAt: 5 };

const CONTENTS: readonly ReportContent[] = [
  { type: 'hello', hpkePublicKey: new Uint8Array(32).fill(4) },
  { type: 'found', devices: [] },
  { type: 'found', devices: DEVICE_KINDS.map((kind) => ({ ...found, kind, name: 'HTEST \u{1F321}' })) },
  { type: 'found', devices: Array(MAX_FOUND).fill({ ...found, name: 'x'.repeat(MAX_NAME) }) },
  ...LINK_STATES.filter((state) => state !== 'failed').map((state) => ({ type: 'link', ...device, state }) as const),
  ...PAIRING_FAILURES.map((failure) => ({ type: 'link', ...device, state: 'failed', failure }) as const),
  {
    type: 'held',
    users: [
      { ...device, userIndex: 255, count: 3 },
      { ...device, userIndex: 0, count: 0, name: 'HTEST' },
    ],
  },
];

const open = (signed: Uint8Array) => openReport(signed, signer.publicKey, nodeVerify);
const craft = (...fields: [number, CborValue][]) => {
  const { agent, boot, number, at } = head;
  const all: [number, CborValue][] = [[0, agent], [1, boot], [2, number], [3, at], ...fields];
  return signPayload('report', encodeCbor(new Map(all)), signer);
};
const row = (...changed: [number, CborValue][]) => {
  const parts: CborValue[] = [new Uint8Array(6), true, null, 0, 'generic', -60, 5];
  for (const [at, value] of changed) parts[at] = value;
  return craft([4, 2], [6, [parts]]);
};

describe('report', () => {
  it.each(CONTENTS.map((content) => [content.type, content] as const))('%s comes back as it was', (_, content) => {
    const report: Report = { ...head, content };
    expect(open(signReport(report, signer))).toEqual(report);
  });

  it('is refused from another key, and for another use', () => {
    const report = { ...head, content: CONTENTS[0]! };
    expect(faultOf(() => open(signReport(report, signerOf(8))))).toBe('bad-signature');
    expect(faultOf(() => open(signPayload('command', encodeCbor(new Map([[0, head.agent]])), signer)))).toBe(
      'bad-signature',
    );
  });

  it.each([
    ['an unknown content', craft([4, 5]), 'malformed'],
    ['a short key', craft([4, 1], [5, new Uint8Array(31)]), 'malformed'],
    ['fields of two contents', craft([4, 1], [5, new Uint8Array(32)], [6, []]), 'malformed'],
    ['too many devices', craft([4, 2], [6, Array(MAX_FOUND + 1).fill(1)]), 'too-large'],
    ['a row that is none', craft([4, 2], [6, [1]]), 'malformed'],
    ['an unknown kind', row([3, DEVICE_KINDS.length]), 'malformed'],
    ['a profile that is no name', row([4, 'a b']), 'malformed'],
    ['a name over its limit', row([2, 'x'.repeat(MAX_NAME + 1)]), 'too-large'],
    ['a signal that no radio hears', row([5, -128]), 'range'],
    ['an unknown state', craft([4, 3], [7, new Uint8Array(6)], [8, true], [9, 7]), 'malformed'],
    ['a failure without its code', craft([4, 3], [7, new Uint8Array(6)], [8, true], [9, 6]), 'malformed'],
    [
      'a code without a failure',
      craft([4, 3], [7, new Uint8Array(6)], [8, true], [9, 0], [10, 'refused']),
      'malformed',
    ],
    ['an unknown failure', craft([4, 3], [7, new Uint8Array(6)], [8, true], [9, 6], [10, 'bored']), 'malformed'],
    ['a user index of two octets', craft([4, 4], [11, [[new Uint8Array(6), true, 256, 1, null]]]), 'range'],
  ])('is refused with %s', (_, signed, code) => {
    expect(faultOf(() => open(signed))).toBe(code);
  });

  it('is read or refused, whatever is signed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (payload) => {
        faultOf(() => open(signPayload('report', payload, signer)));
      }),
      { numRuns: 50 },
    );
  });
});
