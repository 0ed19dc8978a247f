/** That all of a certificate is in the log: its batches, and what became of the keys that signed them. */
import { equalBytes } from './bytes.ts';
import { openCheckpoint } from './checkpoint.ts';
import { commitmentOf } from './commitment.ts';
import type { Verify } from './cose.ts';
import { openCosignatures } from './cosignature.ts';
import type { CoverageCertificate } from './coverage-certificate.ts';
import type { Finding, ProvenAgent } from './coverage-evidence.ts';
import { leadTo } from './coverage-part.ts';
import { isFault } from './fault.ts';
import { hashLeaf } from './merkle.ts';
import { parseNote } from './signed-note.ts';
import type { Trust } from './trust.ts';

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

function findUnlogged(agent: ProvenAgent, { from, to }: CoverageCertificate): Finding[] {
  const { batches, keyEvents, revoked } = agent;
  const findings = batches
    .filter(({ certified, standing }) => certified.logIndex === undefined && standing !== 'aside')
    .map(({ header: { openedAt, closedAt, sequence } }): Finding => {
      return { from: openedAt, to: closedAt, says: `Batch ${sequence} is not in the log.` };
    });
  for (const { event, logIndex } of keyEvents) {
    if (logIndex !== undefined) continue;
    if (event.type === 'admission') {
      const batch = batches.find(({ id }) => equalBytes(id, event.batch))?.header;
      const span = batch ? { from: batch.openedAt, to: batch.closedAt } : { from, to };
      findings.push({ ...span, says: 'That people let a batch in is not in the log.' });
      continue;
    }
    // What comes after rests on it; nothing does where all that is asked about was before.
    const { lastSequence = Number.POSITIVE_INFINITY } = event.type === 'rotation' ? event.rotation : {};
    const last = batches.findLast(({ header }) => header.sequence <= lastSequence)?.header.closedAt ?? from;
    const begin = Math.max(from, event.type === 'revocation' ? (revoked?.from ?? from) : last);
    const what = event.type === 'revocation' ? 'revoked' : `replaced after batch ${lastSequence}`;
    if (begin < to) findings.push({ from: begin, to, says: `That the agent's key was ${what} is not in the log.` });
  }
  return findings;
}
