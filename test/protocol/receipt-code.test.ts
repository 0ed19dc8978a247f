import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase45, encodeBase45 } from '../../protocol/base45.ts';
import { encodeUtf8 } from '../../protocol/bytes.ts';
import { encodeReceipt } from '../../protocol/receipt.ts';
import { codeOfReceipt } from '../../protocol/receipt-code.ts';
import { decodeReceiptFile, encodeReceiptLines } from '../../protocol/receipt-file.ts';
import { packReceipts } from '../../protocol/receipt-pack.ts';
import { faultOf } from '../support/fault-of.ts';
import { buildBatch, OTHER_LEAVES, PARTIES, readingLeaves, receiptOf } from '../support/receipt-builder.ts';

const leaves = ['06aa', '06ab', '06ac'].flatMap((hex) => readingLeaves({ characteristic: 0x2a37, hex }));
const batch = buildBatch([...leaves, ...OTHER_LEAVES], PARTIES.agent);
const receipts = leaves.map((_, i) => receiptOf(batch, i));
const [receipt] = receipts;

describe('base45', () => {
  // RFC 9285 §4.3 and §4.4
  it.each([
    ['AB', 'BB8'],
    ['Hello!!', '%69 VD92EX0'],
    ['base-45', 'UJCLQE7W581'],
    ['ietf!', 'QED8WEX0'],
    ['', ''],
  ])('writes %j as %j', (text, code) => {
    expect(encodeBase45(encodeUtf8(text))).toBe(code);
    expect(decodeBase45(code)).toEqual(encodeUtf8(text));
  });

  it('gives back any octets, and refuses what no octets are', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(decodeBase45(encodeBase45(bytes))).toEqual(bytes);
      }),
    );
    for (const text of ['GGW', 'A', 'ab', ':::', '::', 'AAA!'])
      expect(faultOf(() => decodeBase45(text))).toBe('malformed');
  });
});

describe('a file of receipts', () => {
  it('is read in each of its forms', () => {
    expect(decodeReceiptFile(encodeUtf8(encodeReceipt(receipt!)))).toEqual([receipt]);
    expect(decodeReceiptFile(encodeUtf8(encodeReceiptLines(receipts)))).toEqual(receipts);
    expect(decodeReceiptFile(packReceipts(receipts))).toEqual(receipts);
    expect(decodeReceiptFile(encodeUtf8(`${codeOfReceipt(receipt!)}\n`))).toEqual([receipt]);
  });

  it('is refused when it is nested without end, or longer than any code', () => {
    const deep = `{"format":"veravita/receipt@v1","leaf":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect(faultOf(() => decodeReceiptFile(encodeUtf8(deep)))).toBe('malformed');
    expect(faultOf(() => decodeReceiptFile(encodeUtf8(`VVR1:${'0'.repeat(5000)}`)))).toBe('too-large');
  });

  it('is refused when it is none', () => {
    for (const text of ['', '{', 'VVR2:AAA', 'VVR1:', 'VVR1:aaa', '[]', `${encodeReceiptLines(receipts)}{}`]) {
      expect(
        faultOf(() => decodeReceiptFile(encodeUtf8(text))),
        text.slice(0, 20),
      ).toMatch(/^(malformed|version)$/);
    }
  });
});
