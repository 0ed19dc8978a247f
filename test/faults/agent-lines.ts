/** What the faults suite and the agent's process say to each other, one JSON object a line. */

export type Order =
  | { readonly kind: 'heard'; readonly n: number; readonly device: string; readonly bpm: number; readonly at: number }
  /** Answered once all that was heard is held and logged. */
  | { readonly kind: 'settle'; readonly asked: number };

export type Word =
  | { readonly kind: 'listening'; readonly agent: string }
  | { readonly kind: 'durable'; readonly n: number }
  | { readonly kind: 'refused'; readonly n: number }
  | { readonly kind: 'settled'; readonly asked: number }
  /** It never will be, while this process lives. */
  | { readonly kind: 'unsettled'; readonly why: string };
