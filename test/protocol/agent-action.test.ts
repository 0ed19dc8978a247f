import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AgentAction, decodeActions, encodeActions, MAX_ACTIONS } from '../../protocol/agent-action.ts';
import { type CborValue, encodeCbor } from '../../protocol/cbor.ts';
import { faultOf } from '../support/fault-of.ts';
import { SUBJECT } from '../support/receipt-builder.ts';

const device = { address: 'c0:01:02:03:04:05', addressType: 'random' } as const;
const ALL: readonly AgentAction[] = [
  { type: 'scan', forMs: 60_000 },
  { type: 'assign', ...device, subject: SUBJECT },
  { type: 'assign', address: '00:01:02:03:04:05', addressType: 'public', subject: SUBJECT },
  { type: 'unassign', device: new Uint8Array(16).fill(3) },
  { type: 'passkey', ...device, passkey: 7 },
  { type: 'claim', ...device, userIndex: 2, subject: SUBJECT },
  { type: 'rotate-key' },
];

const map = (...fields: [number, CborValue][]) => encodeCbor([new Map(fields)]);

describe('actions', () => {
  it('come back as they were', () => {
    expect(decodeActions(encodeActions(ALL))).toEqual(ALL);
    expect(decodeActions(encodeActions([]))).toEqual([]);
  });

  it.each([
    ['an unknown action', map([0, 9]), 'malformed'],
    ['no list', encodeCbor(new Map([[0, 1]])), 'malformed'],
    ['a scan that never ends', map([0, 1], [1, 300_001]), 'range'],
    ['a passkey of seven digits', map([0, 4], [2, new Uint8Array(6)], [3, true], [6, 1_000_000]), 'range'],
    [
      'the user index that means nobody',
      map([0, 5], [2, new Uint8Array(6)], [3, true], [4, SUBJECT], [7, 255]),
      'range',
    ],
    ['a short address', map([0, 4], [2, new Uint8Array(5)], [3, true], [6, 1]), 'malformed'],
    ['a field of another action', map([0, 1], [1, 1], [5, new Uint8Array(16)]), 'malformed'],
    ['too many', encodeActions(Array(MAX_ACTIONS + 1).fill(ALL[0])), 'too-large'],
  ])('are refused with %s', (_, bytes, code) => {
    expect(faultOf(() => decodeActions(bytes))).toBe(code);
  });

  it('are read or refused, whatever the bytes', () => {
    const good = encodeActions(ALL);
    const altered = fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, flip]) => {
      const bytes = good.slice();
      bytes[at]! ^= flip;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), altered), (bytes) => {
        faultOf(() => decodeActions(bytes));
      }),
    );
  });
});
