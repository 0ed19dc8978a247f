/**
 * Whose turn it is. Adapters carry five to twenty links; where more devices want one, each gets it for a while. Pure:
 * the radio asks, and acts on the answer.
 */
import type { Advertised } from './radio-events.ts';

/** Blood pressure, thermometer, glucose, weight scale, body composition: seconds of advertising after a measurement. */
const BRIEF_SERVICES: ReadonlySet<number> = new Set([0x1810, 0x1809, 0x1808, 0x181d, 0x181b]);

/** True for a device that can be reached for seconds only, right after it measured: it may not wait. */
export function isBrief({ serviceUuids }: Pick<Advertised, 'serviceUuids'>): boolean {
  return serviceUuids.some((uuid) => BRIEF_SERVICES.has(uuid));
}

/** A device that waits for a link. */
export interface Waiting {
  readonly brief: boolean;
  /** Uptime at which it last had a link, ms; below zero: never. */
  readonly servedAtMs: number;
}

/** Index of the next in the queue: who cannot wait first, then who was served longest ago, then who came first. */
export function pickNext(queue: readonly Waiting[]): number {
  let best = 0;
  for (const [i, waiting] of queue.entries()) {
    const other = queue[best]!;
    if (waiting.brief !== other.brief ? waiting.brief : waiting.servedAtMs < other.servedAtMs) best = i;
  }
  return best;
}

/** A link that could be given up. */
export interface Serving {
  readonly brief: boolean;
  /** Uptime at which it was made. */
  readonly connectedAtMs: number;
  /** Uptime at which it last brought a value; that of its making before the first. */
  readonly heardAtMs: number;
}

export interface TurnRules {
  /** How long a link is kept at least while others wait. */
  readonly turnMs: number;
  /** A link that brought nothing for so long is given up before its turn ends, for a device that cannot wait. */
  readonly idleMs: number;
}

/**
 * Index of the link to give up so that `next` can have one: the one that is idle longest among those whose turn is over,
 * or, for a device that cannot wait, that are idle. Undefined where nobody's is: then the queue waits.
 */
export function pickVictim(
  links: readonly Serving[],
  next: Waiting,
  nowMs: number,
  { turnMs, idleMs }: TurnRules,
): number | undefined {
  let victim: number | undefined;
  for (const [i, { brief, connectedAtMs, heardAtMs }] of links.entries()) {
    const isIdle = nowMs - heardAtMs >= idleMs;
    // A device with a transfer under way ends its link itself.
    const over = nowMs - connectedAtMs >= turnMs && (!brief || isIdle);
    if (!over && !(next.brief && isIdle)) continue;
    if (victim === undefined || heardAtMs < links[victim]!.heardAtMs) victim = i;
  }
  return victim;
}
