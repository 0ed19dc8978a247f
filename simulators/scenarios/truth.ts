/**
 * The ground truth of a run, as lines: what was measured, before the wearable had it; what became of it; and what went
 * wrong meanwhile. Whoever compares a record with it knows what has to be there, and what cannot be.
 */
import type { Instant } from '../../protocol/time.ts';
import type { Fault } from '../hci/fault-kinds.ts';
import type { Target } from './expand.ts';
import type { Keeping } from './kinds.ts';
import type { TrueVital } from './wearable-model.ts';

/** One value as the wearable is going to send it. */
export interface RawValue {
  /** 16-bit UUID of the characteristic in hex; of a broadcast, of its service data. */
  readonly characteristic: string;
  readonly hex: string;
}

/**
 * Why a measurement did not reach the host: nobody had subscribed, or the link ended first (`unheard`); the wearable took
 * it for sent, and its octets never came, or came otherwise (`lost`); the wearable has it still (`kept`); the run was
 * stopped (`abandoned`).
 */
export type Why = 'unheard' | 'lost' | 'kept' | 'abandoned';

export type TruthLine =
  | {
      readonly line: 'measured';
      /** From 0, in order of time. */
      readonly n: number;
      readonly device: string;
      /** The one it began with. */
      readonly address: string;
      /** Id of the person. */
      readonly patient: string;
      readonly home: string;
      readonly keeps: Keeping;
      readonly measuredAt: Instant;
      readonly vitals: readonly TrueVital[];
      readonly raw: readonly RawValue[];
    }
  | {
      readonly line: 'outcome';
      readonly n: number;
      readonly delivered: boolean;
      readonly why?: Why;
      /** Simulated time at which that was known. */
      readonly at: Instant;
    }
  | ({
      readonly line: 'fault';
      readonly fault: Fault;
      readonly from: Instant;
      /** When it is undone. */
      readonly to: Instant;
      /** Why it did not come about; absent where it did. */
      readonly refused?: string;
    } & Target);

export type TruthWriter = (line: TruthLine) => void;
