/** The file in which a patient's Ed25519 key is kept where there is no passkey: JSON, readable by its owner only. */
import { decodeHex, encodeHex } from './bytes.ts';
import { createSigner, type Signer } from './cose.ts';
import { Fault } from './fault.ts';

const FORMAT = 'veravita/patient-key@v1';

/** Text of a key file for a 32-octet seed. */
export function encodePatientKey(seed: Uint8Array): string {
  return `${JSON.stringify({ format: FORMAT, seed: encodeHex(seed) })}\n`;
}

/** The key of a key file. Throws `malformed`, never quoting what is in it. */
export function decodePatientKey(text: string): Signer {
  let seed: Uint8Array | undefined;
  try {
    const { format, seed: hex } = JSON.parse(text) as { format?: unknown; seed?: unknown };
    if (format === FORMAT && typeof hex === 'string') seed = decodeHex(hex);
  } catch {
    // Told below, without what the parser would quote.
  }
  if (seed?.length !== 32) throw new Fault('malformed', "not a patient's key file");
  return createSigner(seed);
}
