/** One file from outside, whatever it is: told apart by what is in it, and checked. For the command and the page. */
import { decodeUtf8 } from '../protocol/bytes.ts';
import {
  type ErasureVerdict,
  isErasureCertificate,
  verifyErasureCertificate,
} from '../protocol/erasure-certificate.ts';
import { isFault } from '../protocol/fault.ts';
import { decodeSupersession } from '../protocol/supersession.ts';
import { decodeTrust, type Trust } from '../protocol/trust.ts';
import { type Verdict, verifyReceipts } from '../protocol/verify.ts';
import { type CoverageVerdict, isCertificate, verifyCoverage } from '../protocol/verify-coverage.ts';

export type Checked =
  /** One verdict for each receipt, at least one: what is no file of receipts at all is one that is altered. */
  | { readonly kind: 'receipts'; readonly verdicts: readonly Verdict[] }
  | { readonly kind: 'coverage'; readonly verdict: CoverageVerdict }
  | { readonly kind: 'erasure'; readonly verdict: ErasureVerdict };

/** Never throws for what the file holds. `beside`: texts of supersessions. */
export function checkFile(bytes: Uint8Array, trust: Trust | undefined, beside: readonly string[] = []): Checked {
  if (isCertificate(bytes)) return { kind: 'coverage', verdict: verifyCoverage(bytes, trust) };
  if (isErasureCertificate(bytes)) return { kind: 'erasure', verdict: verifyErasureCertificate(bytes, trust) };
  return { kind: 'receipts', verdicts: verifyReceipts(bytes, { trust, beside }) };
}

/** The trust file that it is, or undefined. */
export function readTrust(bytes: Uint8Array): Trust | undefined {
  return orUndefined(() => decodeTrust(decodeUtf8(bytes)));
}

/** The text of the supersession that it is, or undefined. */
export function readSupersessionText(bytes: Uint8Array): string | undefined {
  return orUndefined(() => {
    const text = decodeUtf8(bytes);
    decodeSupersession(text);
    return text;
  });
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!isFault(error)) throw error;
    return undefined;
  }
}
