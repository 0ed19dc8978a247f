import { describe, expect, it } from 'vitest';
import { encodeBase64Url } from '../../protocol/bytes.ts';
import { encodeWitnessKey, witnessKeyOf } from '../../protocol/cosignature.ts';
import { decodeReceipt, encodeReceipt, MAX_RECEIPT_LENGTH } from '../../protocol/receipt.ts';
import { encodeVerifierKey } from '../../protocol/signed-note.ts';
import { decodeTrust, encodeTrust } from '../../protocol/trust.ts';
import { faultOf } from '../support/fault-of.ts';
import {
  buildReceipt,
  OTHER_LEAVES,
  PARTIES,
  readingLeaves,
  trustIn,
  trustWitnesses,
  WITNESSES,
} from '../support/receipt-builder.ts';

const receipt = buildReceipt([readingLeaves({ characteristic: 0x2a37, hex: '06aa' })[0]!, ...OTHER_LEAVES]);
const text = encodeReceipt(receipt);
const trust = trustIn(PARTIES);

const inLeaf = (changes: object) => (json: Json) => {
  json.leaf = { ...(json.leaf as object), ...changes };
};

interface Json extends Record<string, unknown> {
  leaf: unknown;
}

function refusal(change: (json: Json) => void): string {
  const json = JSON.parse(text);
  change(json);
  return faultOf(() => decodeReceipt(JSON.stringify(json)));
}

describe('receipt', () => {
  it('comes back as it was', () => {
    expect(decodeReceipt(text)).toEqual(receipt);
    expect(JSON.parse(text).format).toBe('veravita/receipt@v1');
    expect(text.length).toBeLessThan(4000);
  });

  it.each<[string, (json: Json) => void, string]>([
    ['another version', (json) => (json.format = 'veravita/receipt@v2'), 'version'],
    ['a member missing', (json) => delete json.enrolment, 'malformed'],
    ['a member more', (json) => (json.more = 1), 'malformed'],
    ['a member more in the leaf', inLeaf({ more: 1 }), 'malformed'],
    ['a leaf that is an array', (json) => (json.leaf = []), 'malformed'],
    ['an index that is text', inLeaf({ index: '0' }), 'malformed'],
    ['a negative index', inLeaf({ index: -1 }), 'malformed'],
    ['a broken index', inLeaf({ index: 0.5 }), 'malformed'],
    ['a path that is no array', inLeaf({ path: '' }), 'malformed'],
    ['an endless path', inLeaf({ path: new Array(65).fill('') }), 'malformed'],
    ['a salt that is a number', inLeaf({ salt: 1 }), 'malformed'],
    ['padding', (json) => (json.header = 'AA=='), 'malformed'],
    ['the other base64 alphabet', inLeaf({ salt: '+/' }), 'malformed'],
    ['spare bits set', inLeaf({ body: 'AB' }), 'malformed'],
    ['a log proof that is null', (json) => (json.logProof = null), 'malformed'],
  ])('is refused with %s', (_, change, code) => {
    expect(refusal(change)).toBe(code);
  });

  it.each([
    ['nothing', ''],
    ['null', 'null'],
    ['an array', '[]'],
    ['a number', '1'],
    ['two of it', text + text],
    ['a byte order mark', `\ufeff${text}`],
    ['a member twice', text.replace('{', '{ "logProof": "",')],
    ['a member twice, spelt otherwise', text.replace('{', '{ "\\u006cogProof": "",')],
    ['a leaf twice', text.replace('"leaf"', '"leaf": {}, "leaf"')],
    ['an inner member twice', text.replace('"index"', '"index": 1, "index"')],
    ['a number written oddly', text.replace('"index": 0', '"index": 0e0')],
    ['minus nothing', text.replace('"index": 0', '"index": -0')],
    ['a prototype', text.replace('{', '{ "__proto__": {},')],
  ])('is refused when it is %s', (_, other) => {
    expect(faultOf(() => decodeReceipt(other))).toBe('malformed');
  });

  it('is refused when it is too long, before it is parsed', () => {
    expect(faultOf(() => decodeReceipt(' '.repeat(MAX_RECEIPT_LENGTH + 1)))).toBe('too-large');
    const longest = `${text}${' '.repeat(MAX_RECEIPT_LENGTH - text.length)}`;
    expect(decodeReceipt(longest)).toEqual(receipt);
    const oneString = `{"format":"${'a\\n'.repeat((MAX_RECEIPT_LENGTH - 20) / 3)}"}`;
    expect(faultOf(() => decodeReceipt(oneString))).toBe('malformed');
    expect(faultOf(() => decodeReceipt('['.repeat(MAX_RECEIPT_LENGTH)))).toBe('malformed');
  });
});

describe('trust', () => {
  const trustText = encodeTrust(trust);

  it('comes back as it was', () => {
    expect(decodeTrust(trustText)).toEqual(trust);
    expect(decodeTrust(encodeTrust(trustWitnesses(2)))).toEqual(trustWitnesses(2));
  });

  const witnesses = WITNESSES.map(encodeWitnessKey);
  const alias = encodeWitnessKey(witnessKeyOf('alias.example', WITNESSES[0]!.witnessKey));
  const ownWitness = encodeWitnessKey(witnessKeyOf('own.example', PARTIES.log.publicKey));
  const change = (with_: object) => JSON.stringify({ ...JSON.parse(trustText), ...with_ });
  it.each([
    ['a receipt', text, 'malformed'],
    ['of another version', change({ format: 'veravita/trust@v2' }), 'version'],
    ['with a member more', change({ more: 1 }), 'malformed'],
    ['with a member twice', trustText.replace('{', '{ "service": "",'), 'malformed'],
    ['with a short service key', change({ service: 'AAAA' }), 'wrong-key'],
    [
      'with a service key under which anything verifies',
      change({ service: encodeBase64Url(Uint8Array.of(1, ...new Uint8Array(31))) }),
      'wrong-key',
    ],
    ['with a log key whose id is another', change({ log: 'log.example+00000000+AAAA' }), 'wrong-key'],
    ['with a log key that is none', change({ log: '' }), 'wrong-key'],
    ['with witnesses and no quorum', change({ witnesses }), 'malformed'],
    ['with a quorum and no witnesses', change({ quorum: 1 }), 'malformed'],
    ['with a quorum of none', change({ witnesses, quorum: 0 }), 'malformed'],
    ['with a quorum of more than all', change({ witnesses, quorum: 4 }), 'malformed'],
    ['with half a quorum', change({ witnesses, quorum: 1.5 }), 'malformed'],
    ['with one witness twice', change({ witnesses: [...witnesses, witnesses[0]], quorum: 1 }), 'wrong-key'],
    ['with one witness under two names', change({ witnesses: [...witnesses, alias], quorum: 1 }), 'wrong-key'],
    ['with the log as its own witness', change({ witnesses: [ownWitness], quorum: 1 }), 'wrong-key'],
    ['with a log for a witness', change({ witnesses: [encodeVerifierKey(PARTIES.log)], quorum: 1 }), 'wrong-key'],
    ['with no list of witnesses', change({ witnesses: 'none', quorum: 1 }), 'malformed'],
  ])('is refused %s', (_, other, code) => {
    expect(faultOf(() => decodeTrust(other))).toBe(code);
  });
});
