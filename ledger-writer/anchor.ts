/**
 * The port: something outside our log that keeps heads of it, so that a log which forks, rolls back or is signed anew
 * contradicts what others hold.
 *
 * What every engine keeps:
 *
 * - **One head is under way at a time.** {@link Anchor.submit} while one is does nothing. An anchor covers every entry
 *   below its size, so what an outage left out is made up for by the next head, and nothing queues.
 * - **The size is the idempotency key.** The same head submitted twice, also after a crash, is anchored once.
 * - **What must not be forgotten is durable before it is sent**, and taken up by the next start.
 * - **`anchored` is final.** It is told when the engine's own notion of finality is met and its evidence was verified as a
 *   stranger would. An engine that finds out that it was final and is no more marks it as doubtful, and says so, once that
 *   is proven: never on one answer of one party. Nothing is removed, and it is told until newer evidence is durable.
 * - **Nothing is sent for a head that contradicts what the anchor holds**: that is `inconsistent`, and a person must look.
 * - **It never stands in the way.** Every call ends within bounded time and may throw a Fault; the caller goes on without
 *   it. `unavailable`: not reached. `wrong-key`: not the anchor that was configured. `inconsistent`: it contradicts itself
 *   or the log.
 * - **Nothing but sizes and roots goes out**, at fixed intervals, so that it does not tell how busy the log is.
 */

/** The newest published head, and what shows that it extends an earlier one. */
export interface AnchorHead {
  readonly size: number;
  readonly root: Uint8Array;
  /** Root of the tree at an earlier size. */
  rootAt(size: number): Promise<Uint8Array>;
  /** RFC 9162 §2.1.4.1 proof from an earlier size. */
  consistencyFrom(size: number): Promise<Uint8Array[]>;
}

/** A head that is anchored for good. */
export interface Anchored {
  readonly size: number;
  readonly root: Uint8Array;
  /** Text of the evidence file. */
  readonly evidence: string;
  /** It was final, and what it rests on is proven to be gone; evidence that takes its place is on its way. */
  readonly isDoubtful: boolean;
}

/** What was done so far, since this process started. */
export interface AnchorCounters {
  readonly sent: number;
  /** Sent again because the anchor had lost it. */
  readonly resent: number;
  /** Replaced: a higher fee, or another nonce. */
  readonly replaced: number;
  /** Answers that contradict themselves. */
  readonly contradictions: number;
  /** Finality that was proven to be gone. */
  readonly takenBack: number;
}

export interface Anchor {
  /** Name of its folder: lower-case letters, digits and hyphens. */
  readonly name: string;
  /** Newest that is final. */
  readonly anchored: Anchored | undefined;
  /** Size that is under way. */
  readonly pending: number | undefined;
  readonly counters: AnchorCounters;
  /** Begins with this head, unless one is under way or it is anchored. */
  submit(head: AnchorHead): Promise<void>;
  /** One round of looking after what is under way. */
  attend(): Promise<void>;
  /** Gives up what is waited for. */
  close(): void;
}
