import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor } from '../../protocol/cbor.ts';
import { encodeReceipt, type Receipt } from '../../protocol/receipt.ts';
import { packReceipts, unpackReceipts } from '../../protocol/receipt-pack.ts';
import { verifyReceipt } from '../../protocol/verify.ts';
import { faultOf } from '../support/fault-of.ts';
import { nodeVerify } from '../support/node-verify.ts';
import {
  buildBatch,
  HEARD_AT,
  OTHER_LEAVES,
  PARTIES,
  readingLeaves,
  receiptOf,
  trustIn,
} from '../support/receipt-builder.ts';

const hexOf = (rate: number) => `06${rate.toString(16).padStart(2, '0')}`;
const beats = Array.from({ length: 200 }, (_, i) => {
  const [leaf] = readingLeaves({ characteristic: 0x2a37, hex: hexOf(60 + (i % 60)), heardAt: HEARD_AT + 1000 * i });
  return leaf!;
});
const batch = buildBatch([...beats, ...OTHER_LEAVES], PARTIES.agent);
const receipts = beats.map((_, i) => receiptOf(batch, i));
const other = receiptOf(buildBatch([beats[0]!], PARTIES.agent, { sequence: 2 }), 0);

describe('packed receipts', () => {
  it('come back as they were, whichever are packed', () => {
    fc.assert(
      fc.property(fc.subarray(receipts, { minLength: 1 }), (some) => {
        expect(unpackReceipts(packReceipts(some))).toEqual(some);
      }),
      { numRuns: 20 },
    );
  });

  it('of several batches and checkpoints come back, batch by batch', () => {
    const mixed = [receipts[7]!, other, receipts[3]!];
    const back = unpackReceipts(packReceipts(mixed));
    expect(back.map(encodeReceipt).sort()).toEqual(mixed.map(encodeReceipt).sort());
  });

  it('are genuine', () => {
    for (const receipt of unpackReceipts(packReceipts(receipts.slice(0, 5)))) {
      expect(verifyReceipt(encodeReceipt(receipt), trustIn(PARTIES), nodeVerify).verdict).toBe('genuine');
    }
  });

  it('take less than 3 KB for one reading, and for neighbors little more than what was said', () => {
    expect(packReceipts([receipts[0]!]).length).toBeLessThan(3000);
    const each = packReceipts(receipts).length / receipts.length;
    const said = receipts.reduce((sum, { body, salt }) => sum + body.length + salt.length, 0) / receipts.length;
    expect(each).toBeLessThan(said + 30);
  });

  const packed = packReceipts([receipts[0]!, receipts[9]!]);
  const [format, enrolments, groups] = decodeCbor(packed) as [
    string,
    Uint8Array[],
    [string, Uint8Array[], unknown[]][],
  ];
  it.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(), 'malformed'],
    ['something behind the end', Uint8Array.of(...packed, 0), 'malformed'],
    ['another format', encodeCbor(['veravita/receipts@v2', enrolments, groups as never]), 'version'],
    ['no list', encodeCbor(5), 'malformed'],
    ['more parts', encodeCbor([format, enrolments, groups as never, 1]), 'malformed'],
    ['no receipt', encodeCbor([format, enrolments, []]), 'malformed'],
    ['an enrolment that is not there', encodeCbor([format, [], groups as never]), 'malformed'],
    [
      'a hash of the log too few',
      encodeCbor([format, enrolments, [[groups[0]![0], groups[0]![1].slice(1), groups[0]![2]]] as never]),
      'malformed',
    ],
  ])('refuse %s', (_, bytes, code) => {
    expect(faultOf(() => unpackReceipts(bytes))).toBe(code);
  });

  it('are refused at once with a checkpoint that is a book', () => {
    const [[note, proof, batches]] = groups as unknown as [[string, Uint8Array[], never[]]];
    const long = note.replace('\n\n', `\n${'x\n'.repeat(20_000)}\n`);
    const bytes = encodeCbor([format, enrolments, [[long, proof, batches]]]);
    expect(faultOf(() => unpackReceipts(bytes))).toBe('too-large');
  });

  it('cannot be made of nothing, or of one twice', () => {
    expect(faultOf(() => packReceipts([]))).toBe('malformed');
    expect(faultOf(() => packReceipts([receipts[0]!, receipts[0]!] satisfies Receipt[]))).toBe('malformed');
  });
});
