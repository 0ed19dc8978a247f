/**
 * Takes what the log signed last to all its witnesses, in parallel, and their cosignatures back to the log. Nothing waits
 * for a witness but the publication that needs it: who does not answer is asked again later, and a late cosignature is
 * filled in.
 */
import { parseNote } from '../protocol/signed-note.ts';
import { countWitnesses, hasCosigned } from './cosigned-note.ts';
import type { Log, SignedHead } from './log.ts';
import { type AskOutcome, type WitnessAddress, WitnessClient } from './witness-client.ts';

export interface WitnessesConfig {
  readonly log: Log;
  readonly witnesses: readonly WitnessAddress[];
  /** Witnesses that the log waits for before it publishes. */
  readonly quorum: number;
  /** For one witness to answer; 5,000 ms by default. */
  readonly timeoutMs?: number;
  /** From one try to the next of a witness that did not cosign: doubles from the first to the longest. */
  readonly retryMs?: { readonly first: number; readonly longest: number };
  /** Told when something about {@link Witnesses.status} has changed. */
  readonly onChange?: (status: WitnessesStatus) => void;
  /** Told when the log could not take a cosignature or prove; the witness is asked again. */
  readonly onError?: (error: unknown) => void;
}

export interface WitnessStatus {
  readonly name: string;
  /** How the last try ended; `unasked` before the first. */
  readonly last: AskOutcome['kind'] | 'unasked';
  /** Tries by how they ended. */
  readonly counts: Readonly<Partial<Record<AskOutcome['kind'], number>>>;
}

export interface WitnessesStatus {
  readonly quorum: number;
  /** Witnesses that cosigned what is signed last. */
  readonly cosigned: number;
  readonly signedSize: number;
  /** Smaller than the signed size while witnesses are missing. */
  readonly publishedSize: number;
  readonly witnesses: readonly WitnessStatus[];
}

export interface Witnesses {
  /**
   * Asks every witness that has not cosigned what the log signed last, or was never asked. Resolves when that is
   * published (with a quorum of 0 at once), or `all` those that were asked have answered or timed out.
   */
  cosign(until?: 'published' | 'all'): Promise<void>;
  /**
   * True when so many witnesses have cosigned what this log did not sign that the quorum (or, without one, any) is out
   * of reach: the log was rolled back, and whatever it signed now would be a fork.
   */
  isContradicted(): boolean;
  status(): WitnessesStatus;
  /** Ends what is under way. */
  stop(): Promise<void>;
}

interface Asked {
  readonly client: WitnessClient;
  last: AskOutcome['kind'] | 'unasked';
  readonly counts: Partial<Record<AskOutcome['kind'], number>>;
  busy: Promise<void> | undefined;
  failures: number;
  /** Not asked before, on the monotonic clock. */
  notBefore: number;
}

export function openWitnesses(config: WitnessesConfig): Witnesses {
  const { log, quorum, timeoutMs = 5000, onChange = () => {}, onError = () => {} } = config;
  const { first, longest } = config.retryMs ?? { first: 500, longest: 10_000 };
  const keys = config.witnesses.map(({ key }) => key);
  const stopping = new AbortController();
  const all = config.witnesses.map(
    (address): Asked => ({
      client: new WitnessClient(address, timeoutMs),
      last: 'unasked',
      counts: {},
      busy: undefined,
      failures: 0,
      notBefore: 0,
    }),
  );
  let told = '';

  function status(): WitnessesStatus {
    return {
      quorum,
      cosigned: countWitnesses(log.signed.note, keys),
      signedSize: log.signed.checkpoint.size,
      publishedSize: log.head.checkpoint.size,
      witnesses: all.map(({ client, last, counts }) => ({
        name: client.address.key.name,
        last,
        counts: { ...counts },
      })),
    };
  }

  function tellChange(): void {
    const now = status();
    const { cosigned, signedSize, publishedSize, witnesses } = now;
    const text = JSON.stringify([cosigned, signedSize, publishedSize, witnesses.map(({ last }) => last)]);
    if (text !== told) onChange(now);
    told = text;
  }

  async function ask(one: Asked, head: SignedHead): Promise<void> {
    const { text } = parseNote(head.note);
    let kind: AskOutcome['kind'] = 'unreachable';
    try {
      const outcome = await one.client.ask(head, (size1) => log.proveConsistency(text, size1), stopping.signal);
      kind = outcome.kind;
      if (outcome.kind === 'cosigned') await log.addCosignatures(text, [outcome.line]);
    } catch (error) {
      onError(error);
    }
    if (stopping.signal.aborted) return;
    one.last = kind;
    one.counts[kind] = (one.counts[kind] ?? 0) + 1;
    const isFailure = kind !== 'cosigned' && kind !== 'outdated';
    one.failures = isFailure ? one.failures + 1 : 0;
    one.notBefore = isFailure ? performance.now() + Math.min(longest, first * 2 ** (one.failures - 1)) : 0;
  }

  return {
    async cosign(until = 'published') {
      const head = log.signed;
      const now = performance.now();
      const isEnough = () => until === 'published' && log.head.checkpoint.size >= head.checkpoint.size;
      const settled = Promise.withResolvers<void>();
      let open = 0;
      for (const one of all) {
        if (stopping.signal.aborted || one.busy || one.notBefore > now) continue;
        if (one.last !== 'unasked' && hasCosigned(head.note, one.client.address.key)) continue;
        open++;
        one.busy = ask(one, head).finally(() => {
          one.busy = undefined;
          open--;
          tellChange();
          if (open === 0 || isEnough()) settled.resolve();
        });
      }
      tellChange();
      if (open > 0 && !isEnough()) await settled.promise;
    },

    isContradicted: () => {
      const against = all.filter(({ last }) => last === 'conflict').length;
      return against > 0 && against > all.length - Math.max(1, quorum);
    },

    status,

    async stop() {
      stopping.abort();
      await Promise.all(all.map(({ busy }) => busy));
    },
  };
}
