/** A receipt of one reading as the text of a QR code (docs/format.md §8.5): `VVR1:` and base45 of the pack. */
import { decodeBase45, encodeBase45 } from './base45.ts';
import { Fault } from './fault.ts';
import type { Receipt } from './receipt.ts';
import { packReceipts } from './receipt-pack.ts';

const PREFIX = 'VVR1:';

/** Characters of the largest QR code with the least redundancy (ISO/IEC 18004: version 40-L, alphanumeric). */
const MAX_CODE_LENGTH = 4296;

/** The text, or undefined where it does not fit. Anchors are left out: a reader who needs them asks for the file. */
export function codeOfReceipt({ anchors: _, ...receipt }: Receipt): string | undefined {
  const text = PREFIX + encodeBase45(packReceipts([receipt]));
  return text.length <= MAX_CODE_LENGTH ? text : undefined;
}

/** The pack in a code's text. Throws `malformed`, and `version` for the text of something else. */
export function packOfCode(text: string): Uint8Array {
  if (!text.startsWith(PREFIX)) throw new Fault('version', 'not the code of a receipt');
  if (text.length > MAX_CODE_LENGTH) throw new Fault('too-large', 'longer than any code');
  return decodeBase45(text.slice(PREFIX.length));
}
