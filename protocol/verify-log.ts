/** Whether something is in a log, and whether that is the log that the reader trusts. */
import { openCheckpoint, parseCheckpoint } from './checkpoint.ts';
import type { Verify } from './cose.ts';
import { hashLeaf, verifyInclusion } from './merkle.ts';
import type { Receipt } from './receipt.ts';
import { parseNote } from './signed-note.ts';
import { parseTlogProof } from './tlog-proof.ts';
import type { Trust } from './trust.ts';
import { Refusal, Unknown } from './verify-outcome.ts';

/** Where a commitment is in a log, in words. Throws where its proof does not lead to the root of its checkpoint. */
export function checkLogged(logProof: string, commitment: Uint8Array): string {
  const { index, proof, checkpoint } = parseTlogProof(logProof);
  const { size, root } = parseCheckpoint(parseNote(checkpoint).text);
  if (!verifyInclusion({ leafHash: hashLeaf(commitment), index, treeSize: size, proof, root })) {
    throw new Refusal('its commitment does not lead to the root of the checkpoint');
  }
  return `number ${index + 1} of the ${size} entries of a log`;
}

/** Whether the trusted log signed the checkpoint of a proof. Throws where its signature does not hold. */
export function checkCheckpoint(
  { logProof }: Pick<Receipt, 'logProof'>,
  trust: Trust | undefined,
  verify: Verify,
): string | Unknown {
  const { checkpoint } = parseTlogProof(logProof);
  const { signatures } = parseNote(checkpoint);
  if (!trust) return new Unknown('Whose log it is cannot be told without a trust file.');
  if (!signatures.some(({ name, keyId }) => name === trust.log.name && keyId === trust.log.keyId)) {
    return new Unknown('The checkpoint is not signed by the log that your trust file names.');
  }
  openCheckpoint(checkpoint, [trust.log], trust.log.name, verify);
  return 'The log that you trust signed the checkpoint.';
}
