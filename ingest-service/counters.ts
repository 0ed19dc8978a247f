/** Counts by name and code. Codes come from closed sets; nothing of a patient is ever a label. */
export interface Counters {
  add(name: string, by?: number): void;
  /** All counts so far, by name. */
  snapshot(): Readonly<Record<string, number>>;
}

export function createCounters(): Counters {
  const counts = new Map<string, number>();
  return {
    add: (name, by = 1) => void counts.set(name, (counts.get(name) ?? 0) + by),
    snapshot: () => Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}
