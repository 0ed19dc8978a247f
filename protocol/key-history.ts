/**
 * Which of an agent's keys signed the batch of a receipt, and whether it still counted. A rotation names the last batch of
 * the key that goes, so the place in the agent's chain decides; a revocation has no such word of the agent, so the place
 * in the log does, and a batch behind it needs an admission of its own.
 */
import { type BatchHeader, readHeader } from './batch.ts';
import { equalBytes } from './bytes.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { commitmentOf } from './commitment.ts';
import type { Verify } from './cose.ts';
import { readEnrolment } from './enrolment.ts';
import { Fault } from './fault.ts';
import { openRotation, type ReadKeyEvent, readKeyEvent } from './key-event.ts';
import { thumbprint } from './keys.ts';
import { hashLeaf, verifyInclusion } from './merkle.ts';
import type { ProvenKeyEvent, Receipt } from './receipt.ts';
import { parseNote } from './signed-note.ts';
import { parseTlogProof } from './tlog-proof.ts';

/**
 * The agent's keys from the enrolled one to the one that the header names. Throws a Fault: `bad-chain` where the rotations
 * do not lead there, and those of {@link openRotation}.
 */
export function keysOf({ enrolment, header, keyHistory = [] }: Receipt, verify: Verify): readonly Uint8Array[] {
  const { agent } = readHeader(header).header;
  const keys = [readEnrolment(enrolment).agentKey];
  for (const { event } of keyHistory) {
    if (equalBytes(thumbprint(keys.at(-1)!), agent)) break;
    const read = readKeyEvent(event);
    if (read.type !== 'rotation' || !equalBytes(read.rotation.oldKey, keys.at(-1)!)) break;
    keys.push(openRotation(read.signedRotation, verify).newKey);
  }
  return keys;
}

/** What is to be said of the key, if it counted for the batch. Throws a Fault (`bad-chain`, `inconsistent`, `revoked`, ...) otherwise. */
export function checkKeyHistory(receipt: Receipt): string {
  const { keyHistory = [], logProof } = receipt;
  if (keyHistory.length === 0) return "Nothing in the receipt says that the agent's key was replaced or revoked.";
  const { header, id } = readHeader(receipt.header);
  const { index: batchIndex, checkpoint } = parseTlogProof(logProof);
  let at = thumbprint(readEnrolment(receipt.enrolment).agentKey);
  let revokedAt: number | undefined;
  let isAdmitted = false;
  let isReplaced = false;
  for (const proven of keyHistory) {
    const event = readKeyEvent(proven.event);
    const index = placeOf(event, proven, checkpoint);
    const isOfBatch = equalBytes(event.agent, header.agent);
    if (!isOfBatch) {
      at = follow(event, at, header);
      continue;
    }
    if (!equalBytes(at, header.agent))
      throw new Fault('bad-chain', 'the rotations do not lead to the key of the batch');
    switch (event.type) {
      case 'rotation':
        requireBefore(event.rotation, header, id);
        isReplaced = true;
        break;
      case 'revocation':
        revokedAt = index;
        break;
      case 'admission':
        if (!equalBytes(event.batch, id)) throw new Fault('bad-chain', 'the admission of another batch');
        isAdmitted = true;
    }
  }
  if (revokedAt !== undefined && batchIndex > revokedAt && !isAdmitted) {
    throw new Fault('revoked', `it was revoked at entry ${revokedAt + 1} of the log, before the batch`);
  }
  if (isAdmitted)
    return 'The key was revoked before the batch reached the log; the service let this batch in by a decision of people.';
  if (revokedAt !== undefined) return `The key was revoked later, at entry ${revokedAt + 1} of the log.`;
  return isReplaced
    ? 'The key was replaced later; the agent itself named the last batch before that.'
    : 'Each key of the agent named the one after it.';
}

/** Along one rotation toward the key of the batch. */
function follow(event: ReadKeyEvent, at: Uint8Array, header: BatchHeader): Uint8Array {
  if (event.type !== 'rotation' || !equalBytes(event.agent, at))
    throw new Fault('bad-chain', 'an event of another key');
  if (header.sequence <= event.rotation.lastSequence)
    throw new Fault('bad-chain', 'the batch belongs to an earlier key');
  return thumbprint(event.rotation.newKey);
}

function requireBefore(
  { lastSequence, lastBatch }: { readonly lastSequence: number; readonly lastBatch: Uint8Array },
  header: BatchHeader,
  id: Uint8Array,
): void {
  if (header.sequence > lastSequence) throw new Fault('bad-chain', 'the agent had replaced it before this batch');
  if (header.sequence === lastSequence && !equalBytes(id, lastBatch)) {
    throw new Fault('bad-chain', 'the agent named another last batch');
  }
}

/** Index in the log of the receipt's own checkpoint. */
function placeOf(event: ReadKeyEvent, { logProof }: ProvenKeyEvent, expected: string): number {
  const { index, proof, checkpoint } = parseTlogProof(logProof);
  if (checkpoint !== expected) throw new Fault('inconsistent', 'a key event is proven by another checkpoint');
  const { size, root } = parseCheckpoint(parseNote(checkpoint).text);
  const leafHash = hashLeaf(commitmentOf('key-event', event.id));
  if (!verifyInclusion({ leafHash, index, treeSize: size, proof, root })) {
    throw new Fault('inconsistent', 'a key event is not in the log');
  }
  return index;
}
