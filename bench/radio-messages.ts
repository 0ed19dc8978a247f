/** What the processes of the radio's measurement say to each other. */

export const HEART_RATE = 0x2a37;

/** Parts of a period over which the straps are spread. */
export const SLOTS = 10;

/** To the air: let every strap notify. */
export interface AirCommand {
  readonly hz: number;
  readonly seconds: number;
}

export type AirReport = { readonly kind: 'ready' } | { readonly kind: 'sent'; readonly sent: number };

/** To a listener: begin to count, or tell, once all that was sent is there or has had time to come. */
export type ListenerCommand = { readonly kind: 'start' } | { readonly kind: 'stop'; readonly sent: number };

export type ListenerReport =
  | { readonly kind: 'subscribed'; readonly ms: number }
  | { readonly kind: 'started' }
  | {
      readonly kind: 'measured';
      readonly heard: number;
      readonly seconds: number;
      /** Processor time of this process, user and system. */
      readonly cpuSeconds: number;
      readonly rssMiB: number;
    };

export type ListenerKind = 'radio' | 'noble';
