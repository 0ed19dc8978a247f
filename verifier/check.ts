/** One file from outside, whatever it is: told apart by what is in it. Used by the page. */
import { decodeUtf8 } from '../protocol/bytes.ts';
import { isFault } from '../protocol/fault.ts';
import { decodeTrust, type Trust } from '../protocol/receipt.ts';
import { type Verdict, verifyReceipt } from '../protocol/verify.ts';

export interface GivenFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The trust file that it is, or undefined. */
export function readTrust(bytes: Uint8Array): Trust | undefined {
  try {
    return decodeTrust(decodeUtf8(bytes));
  } catch (error) {
    if (!isFault(error)) throw error;
    return undefined;
  }
}

/** The verdict on a receipt; what is none is not believed. */
export function checkFile({ bytes }: GivenFile, trust: Trust | undefined): Verdict {
  return verifyReceipt(bytes, trust);
}
