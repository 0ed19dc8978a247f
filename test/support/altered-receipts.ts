/** Forty ways to alter a genuine receipt, each with the first step that must fail. */
import { decodeBase64Url, encodeBase64Url } from '../../protocol/bytes.ts';
import { decodeLeaf, encodeLeaf, type ReadingLeaf } from '../../protocol/leaf.ts';
import type { Step } from '../../protocol/verify.ts';
import { buildReceiptText, OTHER_LEAVES } from './receipt-builder.ts';

/** A receipt as the JSON that it is. */
interface ReceiptJson {
  format: string;
  leaf: { index: number; salt: string; body: string; path: string[] };
  header: string;
  enrolment: string;
  logProof: string;
}

export const GENUINE_RECEIPT = buildReceiptText({ characteristic: 0x2a37, hex: '06aa' });

export interface AlteredReceipt {
  readonly what: string;
  readonly step: Step;
  readonly text: string;
}

/** Another text, or another object. */
type Alter = (receipt: ReceiptJson) => string | object;

/** Flips one bit of the octet at a place, from the end where it is negative. */
function flip(text: string, at: number): string {
  const bytes = decodeBase64Url(text);
  bytes[at < 0 ? bytes.length + at : at]! ^= 1;
  return encodeBase64Url(bytes);
}

function inLeaf(receipt: ReceiptJson, change: Partial<ReceiptJson['leaf']>): ReceiptJson {
  return { ...receipt, leaf: { ...receipt.leaf, ...change } };
}

function changeLeaf(receipt: ReceiptJson, change: Partial<ReadingLeaf>): ReceiptJson {
  const leaf = decodeLeaf(decodeBase64Url(receipt.leaf.body)) as ReadingLeaf;
  return inLeaf(receipt, { body: encodeBase64Url(encodeLeaf({ ...leaf, ...change })) });
}

/** Lines of a tlog-proof: version, index, hashes, an empty one; then origin, size, root, an empty one, signatures. */
function changeLine(receipt: ReceiptJson, pattern: RegExp, replacement: string): ReceiptJson {
  const logProof = receipt.logProof.replace(pattern, replacement);
  if (logProof === receipt.logProof) throw new Error(`nothing like ${pattern} in the proof`);
  return { ...receipt, logProof };
}

const HASH_LINE = /(\nindex \d+\n)([A-Za-z0-9+/])/;
const otherDigit = (digit: string) => (digit === 'A' ? 'B' : 'A');

const ALTERATIONS: readonly (readonly [string, Step, Alter])[] = [
  ['no JSON', 'format', () => 'a receipt'],
  ['cut in half', 'format', (r) => JSON.stringify(r).slice(0, 400)],
  ['nothing', 'format', () => ''],
  ['another version', 'format', (r) => ({ ...r, format: `${r.format}0` })],
  ['a member too many', 'format', (r) => ({ ...r, note: 'trust me' })],
  ['a member missing', 'format', (r) => ({ ...r, enrolment: undefined })],
  ['a member twice', 'format', (r) => JSON.stringify(r).replace('{', `{"header":"${r.header}",`)],
  ['an index that is no number', 'format', (r) => ({ ...r, leaf: { ...r.leaf, index: '0' } })],
  ['other letters than base64url has', 'format', (r) => inLeaf(r, { salt: `${r.leaf.salt.slice(0, -1)}+` })],

  [
    'a leaf that is cut',
    'leaf',
    (r) => inLeaf(r, { body: encodeBase64Url(decodeBase64Url(r.leaf.body).slice(0, -1)) }),
  ],
  ['a leaf of another kind', 'leaf', (r) => inLeaf(r, { body: encodeBase64Url(encodeLeaf(OTHER_LEAVES[0]!)) })],
  ['noise for a leaf', 'leaf', (r) => inLeaf(r, { body: encodeBase64Url(new Uint8Array(40).fill(0xa5)) })],

  ['another value', 'raw', (r) => changeLeaf(r, { value: { exponent: 0, mantissa: 70 } })],
  ['another precision', 'raw', (r) => changeLeaf(r, { value: { exponent: -1, mantissa: 1700 } })],
  ['another unit', 'raw', (r) => changeLeaf(r, { unit: '1/s' })],
  ['another vital sign', 'raw', (r) => changeLeaf(r, { vital: 149_514 })],
  ['other raw bytes', 'raw', (r) => changeLeaf(r, { raw: new Uint8Array([6, 70]) })],
  ['a quality that was not there', 'raw', (r) => changeLeaf(r, { flags: ['demo'] })],

  [
    'another value with fitting raw bytes',
    'path',
    (r) => changeLeaf(r, { value: { exponent: 0, mantissa: 70 }, raw: new Uint8Array([6, 70]) }),
  ],
  ['another patient', 'path', (r) => changeLeaf(r, { subject: new Uint8Array(32).fill(1) })],
  ['another device', 'path', (r) => changeLeaf(r, { device: new Uint8Array(16).fill(1) })],
  ['real data for test data', 'path', (r) => changeLeaf(r, { test: false })],
  ['a stronger link', 'path', (r) => changeLeaf(r, { link: 'bonded' })],
  ['another salt', 'path', (r) => inLeaf(r, { salt: flip(r.leaf.salt, 0) })],
  ['a longer salt', 'path', (r) => inLeaf(r, { salt: encodeBase64Url(new Uint8Array(33)) })],
  ['the place of a neighbor', 'path', (r) => inLeaf(r, { index: r.leaf.index + 1 })],
  ['another hash on the path', 'path', (r) => inLeaf(r, { path: [flip(r.leaf.path[0]!, 5), ...r.leaf.path.slice(1)] })],
  ['a hash less on the path', 'path', (r) => inLeaf(r, { path: r.leaf.path.slice(0, -1) })],
  ['a hash more on the path', 'path', (r) => inLeaf(r, { path: [...r.leaf.path, r.leaf.path[0]!] })],

  ['the end of the header’s signature', 'header', (r) => ({ ...r, header: flip(r.header, -1) })],
  ['the begin of the header’s signature', 'header', (r) => ({ ...r, header: flip(r.header, -64) })],
  ['another agent or boot in the header', 'header', (r) => ({ ...r, header: flip(r.header, 60) })],

  ['the signature of the enrolment', 'enrolment', (r) => ({ ...r, enrolment: flip(r.enrolment, -1) })],

  ['another index in the log', 'log', (r) => changeLine(r, /\nindex 6\n/, '\nindex 7\n')],
  [
    'another hash of the log proof',
    'log',
    (r) => ({ ...r, logProof: r.logProof.replace(HASH_LINE, (_, index, digit) => index + otherDigit(digit)) }),
  ],
  ['a hash less of the log proof', 'log', (r) => changeLine(r, /(\nindex \d+\n)[^\n]+\n/, '$1')],
  ['another size of the log', 'checkpoint', (r) => changeLine(r, /\n11\n/, '\n12\n')],

  [
    'the signature of the log',
    'checkpoint',
    (r) => ({
      ...r,
      logProof: r.logProof.replace(
        /(\S{9})(\S)(\S{4})\n$/,
        (_, head, digit, tail) => `${head}${otherDigit(digit)}${tail}\n`,
      ),
    }),
  ],
  [
    'another name of the log',
    'checkpoint',
    (r) => changeLine(r, /\nlog\.example\/veravita\n/, '\nlog.example/veravito\n'),
  ],
  ['another line below the root', 'checkpoint', (r) => changeLine(r, /(\n11\n[^\n]+\n)/, '$1more\n')],
];

export const ALTERED_RECEIPTS: readonly AlteredReceipt[] = ALTERATIONS.map(([what, step, alter]) => {
  const altered = alter(JSON.parse(GENUINE_RECEIPT) as ReceiptJson);
  return { what, step, text: typeof altered === 'string' ? altered : JSON.stringify(altered) };
});
