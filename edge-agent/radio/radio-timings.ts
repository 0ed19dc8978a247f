/** How long the radio waits for what; all in milliseconds. */
import { SMP_TIMEOUT_MS } from './smp-initiator.ts';

export interface RadioTimings {
  readonly connectTimeoutMs: number;
  /** For each ATT operation; below the 30 s after which ATT itself gives up (Core 5.2 Vol 3 Part F §3.3.3). */
  readonly operationTimeoutMs: number;
  /** Wait before connecting again; doubled by each failure in a row up to the maximum, and varied by half. */
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
  /** A scan that hears nothing for so long is started anew. */
  readonly scanWatchdogMs: number;
  /** A link that brings nothing for so long is asked whether it is still there. */
  readonly linkWatchdogMs: number;
  /** A measurement that the device refused to tell is asked for again after so long, doubled up to `linkWatchdogMs`. */
  readonly subscribeAgainMs: number;
  /** How long a link is kept at least while other devices wait for one. */
  readonly turnMs: number;
  /** A link that brought nothing for so long may be given up for a device that can be reached for seconds only. */
  readonly idleMs: number;
  /** A device that is silent for so long while it gives its records is told to stop, and asked again on the next link. */
  readonly recordIdleMs: number;
  /** For each step of a pairing (Core 5.2 Vol 3 Part H §3.4). */
  readonly pairingTimeoutMs: number;
}

export const DEFAULT_TIMINGS: RadioTimings = {
  connectTimeoutMs: 10_000,
  operationTimeoutMs: 10_000,
  backoffMs: 1_000,
  backoffMaxMs: 30_000,
  scanWatchdogMs: 60_000,
  linkWatchdogMs: 300_000,
  subscribeAgainMs: 5_000,
  turnMs: 60_000,
  idleMs: 5_000,
  recordIdleMs: 10_000,
  pairingTimeoutMs: SMP_TIMEOUT_MS,
};
