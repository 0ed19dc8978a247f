/**
 * A file of receipts, whichever form it has: one as JSON, many as JSON, packed as CBOR, or the text of a code. Told apart
 * by how it begins; nothing in it is verified.
 */
import { decodeUtf8 } from './bytes.ts';
import { Fault } from './fault.ts';
import { decodeReceipt, encodeReceipt, RECEIPT_FORMAT, type Receipt } from './receipt.ts';
import { packOfCode } from './receipt-code.ts';
import { unpackReceipts } from './receipt-pack.ts';

/** JSON lines: what `npm run receipt` prints. */
const MAX_LINES = 100_000;

/** The receipts as JSON, one a line, each readable alone. */
export function encodeReceiptLines(receipts: readonly Receipt[]): string {
  return receipts.map((receipt) => `${JSON.stringify(JSON.parse(encodeReceipt(receipt)))}\n`).join('');
}

/** Throws a Fault for what is no file of receipts; never for what is in them. */
export function decodeReceiptFile(bytes: Uint8Array): Receipt[] {
  const isText = bytes[0] === 0x7b || bytes[0] === 0x56 || bytes[0] === 0x20 || bytes[0] === 0x0a; // { V space LF
  if (!isText) return unpackReceipts(bytes);
  const text = decodeUtf8(bytes);
  if (text.startsWith('V')) return unpackReceipts(packOfCode(text.trimEnd()));
  const lines = text.trimEnd().split('\n');
  const isLines = lines.length > 1 && lines.every((line) => line.startsWith(`{"format":"${RECEIPT_FORMAT}"`));
  if (!isLines) return [decodeReceipt(text)];
  if (lines.length > MAX_LINES) throw new Fault('too-large', 'more receipts than are read');
  return lines.map(decodeReceipt);
}
