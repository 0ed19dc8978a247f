/**
 * What the batches of a certificate prove, agent by agent: that the chain of headers has no gap, and that of each batch
 * everything of the patient is shown. What does not hold comes back as a finding with the interval that it concerns.
 */
import { openHeader, readHeader, type SignedHeader } from './batch.ts';
import { equalBytes } from './bytes.ts';
import type { Verify } from './cose.ts';
import type { CertifiedAgent, CertifiedBatch, CertifiedDevice } from './coverage-certificate.ts';
import { type FoldQuestion, foldCoverage, type Revoked } from './coverage-fold.ts';
import {
  type AgentKey,
  followKeys,
  isBeforeRevocation,
  keyOf,
  namedNewest,
  type PlacedKeyEvent,
  type Standing,
  standingOf,
} from './coverage-keys.ts';
import { provePart } from './coverage-part.ts';
import { Fault, isFault } from './fault.ts';
import type { NewestBatch } from './key-event.ts';
import type { CoverageLeaf } from './leaf.ts';
import type { Instant } from './time.ts';

/** Something that does not hold, and when. */
export interface Finding {
  readonly from: Instant;
  readonly to: Instant;
  /** A sentence for people. */
  readonly says: string;
}

/** A batch whose header holds. */
export interface ProvenBatch extends SignedHeader {
  readonly certified: CertifiedBatch;
  readonly standing: Standing;
  /** Coverage leaves that are in its tree, by index; none where it does not count. */
  readonly leaves: readonly CoverageLeaf[];
}

export interface ProvenAgent {
  /** In the order of the certificate. */
  readonly keyEvents: readonly PlacedKeyEvent[];
  readonly batches: readonly ProvenBatch[];
  readonly chain: readonly Finding[];
  readonly leaves: readonly Finding[];
  readonly readings: readonly Finding[];
  /** Its key was revoked: up to which batch and time it speaks all the same. */
  readonly revoked?: Revoked;
}

export interface Asked {
  readonly subject: Uint8Array;
  readonly from: Instant;
  readonly to: Instant;
}

/**
 * `enrolledKey` and `keyEvents`: those of the agent, as far as the caller verified them. Throws `bad-chain` when the events
 * do not lead from key to key.
 */
export function proveAgent(
  agent: CertifiedAgent,
  enrolledKey: Uint8Array,
  keyEvents: readonly PlacedKeyEvent[],
  asked: Asked,
  verify: Verify,
): ProvenAgent {
  const keys = followKeys(enrolledKey, keyEvents);
  const [chain, leaves, readings]: [Finding[], Finding[], Finding[]] = [[], [], []];
  const signed = agent.batches.flatMap((certified) => {
    try {
      const key = keyOf(keys, readHeader(certified.header).header.sequence);
      const opened = openHeader(certified.header, key.publicKey, verify);
      if (!equalBytes(opened.header.agent, key.thumbprint)) throw new Fault('wrong-key', 'another agent');
      return [{ opened, certified, key }];
    } catch (error) {
      if (!isFault(error)) throw error;
      chain.push({ from: asked.from, to: asked.to, says: 'A batch is not signed by the agent.' });
      return [];
    }
  });
  const sound = signed.filter(({ key, certified }) => isBeforeRevocation({ key, ...placeOf(certified) }));
  const named = namedNewest(keyEvents);
  const last = sound.reduce((max, { opened }) => Math.max(max, opened.header.sequence), named.at(-1)?.sequence ?? 0);
  const batches = signed.flatMap(({ opened, certified, key }): ProvenBatch[] => {
    const { sequence, openedAt: from, closedAt: to } = opened.header;
    try {
      const standing = standingOf({ sequence, id: opened.id, key, ...placeOf(certified) }, last);
      if (!isNamedLast(opened, key)) {
        chain.push({ from, to, says: `Batch ${sequence} is not the last that its key named.` });
      }
      const found = provePart(opened, standing === 'counts' ? certified.part : undefined, asked.subject);
      leaves.push(...found.wrong.map((says) => ({ from, to, says })));
      const isAsked = to > asked.from && from < asked.to;
      readings.push(...found.missing.filter(() => isAsked).map((says) => ({ from, to, says })));
      return [{ ...opened, certified, standing, leaves: found.leaves }];
    } catch (error) {
      if (!isFault(error)) throw error;
      chain.push({ from: asked.from, to: asked.to, says: 'A batch is not signed by the agent.' });
      return [];
    }
  });
  // What a revoked key signs later does not count, so nothing is waited for.
  const isRevoked = keys.at(-1)!.revokedAt !== undefined;
  chain.push(...checkChain(batches, asked), ...(isRevoked ? [] : checkAwaited(agent, batches, asked)));
  chain.push(...checkNamed(named, batches, asked));
  leaves.push(...checkLinks(batches));
  const end = findEnd(batches, last) ?? asked.from;
  return { keyEvents, batches, chain, leaves, readings, ...(isRevoked && { revoked: { sequence: last, from: end } }) };
}

/**
 * When the batch with this sequence was closed. Where it is not shown, when the next that is was opened, or Infinity: then
 * no time that is shown comes after it. `undefined` of no batch.
 */
function findEnd(batches: readonly ProvenBatch[], sequence: number): Instant | undefined {
  if (sequence === 0) return undefined;
  const at = batches.find(({ header }) => header.sequence === sequence);
  if (at) return at.header.closedAt;
  const after = batches.find(({ header }) => header.sequence > sequence);
  return after?.header.openedAt ?? Number.POSITIVE_INFINITY;
}

function placeOf({ logIndex }: CertifiedBatch): Pick<CertifiedBatch, 'logIndex'> {
  return logIndex === undefined ? {} : { logIndex };
}

/** Where the batch is the last of a key that was replaced, it is the one that the key itself named. */
function isNamedLast({ header, id }: SignedHeader, { last }: AgentKey): boolean {
  return header.sequence !== last?.sequence || equalBytes(id, last.id);
}

function checkChain(batches: readonly ProvenBatch[], { from, to }: Asked): Finding[] {
  const findings: Finding[] = [];
  for (const [i, { header, leaves }] of batches.entries()) {
    const before = batches[i - 1];
    if (!before) {
      if (isBeginning({ header, leaves }, from)) continue;
      findings.push({
        from,
        to: Math.max(from, header.openedAt),
        says: `The batches before number ${header.sequence} are not shown.`,
      });
      continue;
    }
    if (header.sequence === before.header.sequence + 1 && equalBytes(header.previous, before.id)) continue;
    const gap = { from: before.header.closedAt, to: Math.max(before.header.closedAt, header.openedAt) };
    findings.push({ ...gap, says: describeGap(before.header.sequence, header.sequence) });
  }
  if (batches.length === 0) findings.push({ from, to, says: 'An agent shows no batch.' });
  return findings;
}

/**
 * What the record had when the key was revoked is shown, up to the end of the interval. Of gaps before a batch that is shown
 * the chain tells.
 */
function checkNamed(named: readonly NewestBatch[], batches: readonly ProvenBatch[], { from, to }: Asked): Finding[] {
  const findings = named.flatMap(({ sequence, id: newest }): Finding[] => {
    const shown = batches.find(({ header }) => header.sequence === sequence);
    if (!shown || equalBytes(shown.id, newest)) return [];
    const { openedAt, closedAt } = shown.header;
    return [{ from: openedAt, to: closedAt, says: `Batch ${sequence} is not the one that the revocation names.` }];
  });
  const newest = named.at(-1)?.sequence ?? 0;
  const last = batches.reduce<ProvenBatch['header'] | undefined>(
    (max, { header }) => (max && max.sequence >= header.sequence ? max : header),
    undefined,
  );
  if (!last || last.sequence >= newest || last.closedAt >= to) return findings;
  const missing = last.sequence + 1 === newest ? `Batch ${newest} is` : `Batches ${last.sequence + 1} to ${newest} are`;
  const says = `${missing} missing: the record had up to batch ${newest} when the key was revoked.`;
  return [...findings, { from: Math.max(from, last.closedAt), to, says }];
}

/** A later batch came, so one is missing, and whatever follows it cannot be taken. */
function checkAwaited({ awaited }: CertifiedAgent, batches: readonly ProvenBatch[], { to }: Asked): Finding[] {
  const last = batches.at(-1)?.header;
  if (awaited === undefined || !last || last.sequence + 1 !== awaited || last.closedAt >= to) return [];
  return [{ from: last.closedAt, to, says: `Batch ${awaited} was asked for and has not come; what follows it waits.` }];
}

/**
 * A chain may start with the agent's first batch, with the first that speaks of the patient, or with one that speaks of a
 * time before the interval: so every device of which it spoke then is known.
 */
function isBeginning({ header, leaves }: Pick<ProvenBatch, 'header' | 'leaves'>, from: Instant): boolean {
  if (header.sequence === 1 || leaves[0]?.tally?.after === 0) return true;
  return header.closedAt <= from && leaves.some((leaf) => leaf.to > leaf.from);
}

function describeGap(before: number, after: number): string {
  if (after <= before) return `Batch ${after} stands after batch ${before}: the order was changed.`;
  if (after === before + 1) return `Batch ${after} does not follow the batch ${before} that is shown.`;
  if (after === before + 2) return `Batch ${before + 1} is missing.`;
  return `Batches ${before + 1} to ${after - 1} are missing.`;
}

/** Each part names the batch of the part before: what is in between holds nothing of the patient. */
function checkLinks(shown: readonly ProvenBatch[]): Finding[] {
  const findings: Finding[] = [];
  const batches = shown.toSorted((a, b) => a.header.sequence - b.header.sequence);
  const bySequence = new Map(batches.map((batch) => [batch.header.sequence, batch]));
  const first = batches[0]?.header.sequence ?? 0;
  let last = 0;
  for (const { header, leaves } of batches) {
    const tally = leaves[0]?.tally;
    if (!tally) continue;
    const { after } = tally;
    if (last === 0 ? after >= first : after !== last) {
      const hidden = bySequence.get(after);
      const span = hidden
        ? { from: hidden.header.openedAt, to: hidden.header.closedAt }
        : { from: header.openedAt, to: header.openedAt };
      // A batch that is not there at all is named by the chain.
      if (hidden && hidden.standing !== 'aside')
        findings.push({ ...span, says: `What batch ${after} holds of the patient is not shown.` });
    }
    last = header.sequence;
  }
  if (last === 0) findings.push({ from: 0, to: 0, says: 'An agent is shown that says nothing of the patient.' });
  return findings;
}

/** Nothing is hidden in what is shown. */
export function isComplete(agents: readonly ProvenAgent[]): boolean {
  return agents.length > 0 && agents.every(({ chain, leaves }) => chain.length + leaves.length === 0);
}

/** The intervals that follow from what is proven. */
export function foldAgents(
  agents: readonly ProvenAgent[],
  asked: Pick<FoldQuestion, 'from' | 'to' | 'device'>,
): CertifiedDevice[] {
  const told = agents.flatMap(({ batches }, agent) =>
    batches.map(({ header, certified, leaves }) => ({
      agent,
      sequence: header.sequence,
      closedAt: header.closedAt,
      receivedAt: certified.receivedAt,
      leaves,
    })),
  );
  const revoked = new Map(agents.flatMap(({ revoked }, agent) => (revoked ? [[agent, revoked] as const] : [])));
  return foldCoverage(told, { ...asked, complete: isComplete(agents), revoked });
}
