/** What the agent with a week behind it and whoever measures it say to each other. */

/** To the agent: hear so many seconds, or tell. */
export type WeekCommand = { readonly kind: 'hear'; readonly seconds: number } | { readonly kind: 'stop' };

export type WeekReport =
  | { readonly kind: 'enrolled' }
  /** `peakMiB`: most memory that the process ever had up to here, as the kernel counts it. */
  | { readonly kind: 'heard'; readonly readings: number; readonly batches: number; readonly peakMiB: number }
  | { readonly kind: 'draining'; readonly held: number; readonly outbox: number; readonly rssMiB: number }
  | { readonly kind: 'drained' }
  | { readonly kind: 'progress'; readonly seconds: number; readonly rssMiB: number }
  /** `peakMiB`: since it began to drain. */
  | { readonly kind: 'stopped'; readonly peakMiB: number; readonly stateMiB: number };

/** What is heard in one second: heart rate, oxygen saturation with its pulse, and temperature. */
export const READINGS_A_SECOND = 4;
export const WEEK_SECONDS = 7 * 24 * 3600;

/** Vital signs that are filed of it, by name. */
export const WEEK_VITALS = ['heart-rate', 'oxygen-saturation', 'oximeter-pulse-rate', 'body-temperature'] as const;
