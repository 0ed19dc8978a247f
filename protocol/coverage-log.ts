/** That all of a certificate is in the log: its batches, and what became of the keys that signed them. */
import { openCheckpoint } from './checkpoint.ts';
import { commitmentOf } from './commitment.ts';
import type { Verify } from './cose.ts';
import { openCosignatures } from './cosignature.ts';
import type { CoverageCertificate } from './coverage-certificate.ts';
import { type Finding, leadTo, type ProvenAgent } from './coverage-evidence.ts';
import { isFault } from './fault.ts';
import { hashLeaf } from './merkle.ts';
import type { Trust } from './receipt.ts';
import { parseNote } from './signed-note.ts';

/** What is not in the log; or, in words, why nothing can be said to be in it. */
export type InLog = { readonly size: number; readonly missing: readonly Finding[] } | string;

export function checkLog(
  certificate: CoverageCertificate,
  agents: readonly ProvenAgent[],
  trust: Trust,
  verify: Verify,
): InLog {
  const { checkpoint, proof } = certificate;
  try {
    const { size, root } = openCheckpoint(checkpoint, [trust.log], trust.log.name, verify).checkpoint;
    const placed = agents.flatMap(({ batches, keyEvents }) => [
      ...batches.map(({ id, certified }) => ({ index: certified.logIndex, what: 'batch', id }) as const),
      ...keyEvents.map(({ event, logIndex }) => ({ index: logIndex, what: 'key-event', id: event.id }) as const),
    ]);
    const entries = placed
      .flatMap(({ index, what, id }) =>
        index === undefined ? [] : [{ index, hash: hashLeaf(commitmentOf(what, id)) }],
      )
      .toSorted((a, b) => a.index - b.index);
    if (entries.length > 0 && !leadTo(root, entries, size, proof)) {
      return 'What is shown does not lead to the root of the checkpoint.';
    }
    const { witnesses } = trust;
    if (witnesses && openCosignatures(parseNote(checkpoint), witnesses.keys, verify).length < witnesses.quorum) {
      return `Fewer witnesses cosigned the checkpoint than the ${witnesses.quorum} that you ask for.`;
    }
    return { size, missing: agents.flatMap((agent) => findUnlogged(agent, certificate)) };
  } catch (error) {
    if (!isFault(error)) throw error;
    return `The checkpoint is not one of the log that you trust: ${error.message}.`;
  }
}

function findUnlogged({ batches, keyEvents }: ProvenAgent, { from, to }: CoverageCertificate): Finding[] {
  const findings = batches
    .filter(({ certified }) => certified.logIndex === undefined)
    .map(({ header: { openedAt, closedAt, sequence } }): Finding => {
      return { from: openedAt, to: closedAt, says: `Batch ${sequence} is not in the log.` };
    });
  for (const { event, logIndex } of keyEvents) {
    if (logIndex !== undefined || event.type !== 'rotation') continue;
    // What the new key says rests on it.
    const { lastSequence } = event.rotation;
    const last = batches.findLast(({ header }) => header.sequence <= lastSequence);
    const says = `That the agent's key was replaced after batch ${lastSequence} is not in the log.`;
    findings.push({ from: Math.max(from, last?.header.closedAt ?? from), to, says });
  }
  return findings;
}
