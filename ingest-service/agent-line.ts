/** An agent under all the names that it had: with a new key it has a new name, and its chain of batches goes on. */
import type { AgentId } from '../protocol/keys.ts';
import type { StoredHeader } from './record/batches.ts';
import type { StoredKeyEvent } from './record/key-events.ts';
import type { Patient } from './record/patients.ts';
import type { Quarantined } from './record/quarantine.ts';
import type { RecordStore } from './record/record-sqlite.ts';

export type AgentLine = ReturnType<typeof openAgentLine>;

/** `agent`: the name under which it lives. Sequences go on from name to name, so they are those of the line. */
export function openAgentLine(store: RecordStore, agent: AgentId) {
  const { agents, batches, keyEvents, quarantine, segments } = store;
  const newestFirst = keyEvents.lineOf(agent);
  const oldestFirst = newestFirst.toReversed();

  return {
    /**
     * Rotations from the enrolled key to the one that signs the batch with this sequence, in order; then revocations of
     * these keys; then admissions of these batches.
     */
    keyEventsUpTo(
      sequence: number,
      shown: readonly { readonly id: string; readonly agent: string }[],
    ): StoredKeyEvent[] {
      const names = oldestFirst.filter((name) => (keyEvents.predecessorOf(name)?.lastSequence ?? -1) < sequence);
      return [
        ...names.flatMap((name) => keyEvents.predecessorOf(name)?.event ?? []),
        ...names.flatMap((name) => keyEvents.revocationOf(name) ?? []),
        ...shown.flatMap(({ id, agent: name }) => keyEvents.admissionOf(name, id) ?? []),
      ];
    },

    isRevoked(): boolean {
      return keyEvents.revocationOf(agent) !== undefined;
    },

    /** Batches that were set aside and are not filed, between two that are. */
    asideBetween(above: number, below: number): Quarantined[] {
      return oldestFirst.flatMap((name) => quarantine.between(name, above, below));
    },

    /** After the last that is filed: as far as people let them in, and at least one, which names the batch before it. */
    asideAfter(above: number): Quarantined[] {
      const aside = this.asideBetween(above, Number.MAX_SAFE_INTEGER);
      return aside.slice(0, Math.max(1, aside.findLastIndex(({ decision }) => decision === 'accepted') + 1));
    },

    /** The first filed batch with at least this sequence. */
    firstFrom(sequence: number): StoredHeader | undefined {
      for (const name of oldestFirst) {
        const found = batches.firstFrom(name, sequence);
        if (found) return found;
      }
      return undefined;
    },

    /** Sequences of the oldest and the newest filed batch. */
    ends(): { readonly oldest: number; readonly newest: number } | undefined {
      const oldest = oldestFirst.map((name) => batches.oldest(name)).find((sequence) => sequence !== undefined);
      const newest = newestFirst.map((name) => batches.newest(name)).find((batch) => batch !== undefined);
      return oldest === undefined || !newest ? undefined : { oldest, newest: newest.sequence };
    },

    /** Sequences of batches with coverage of a patient, before one, the latest first. */
    *spokenBefore(patient: Patient, sequence: number): Generator<number> {
      for (const name of newestFirst) yield* segments.spokenBefore(patient, name, sequence);
    },

    /** Sequence of the batch with the earliest coverage of a patient; of several, any. */
    earliestSpoken(patient: Patient): number | undefined {
      return oldestFirst.map((name) => segments.earliestSpoken(patient, name)).find((one) => one !== undefined);
    },

    /** Sequence of the batch that was asked for. What was asked under an older name has come since, or is asked for still. */
    awaited(): number | undefined {
      const asked = newestFirst.flatMap((name) => agents.awaited(name) ?? []);
      return asked.length > 0 ? Math.max(...asked) : undefined;
    },

    /** Highest sequence up to which every filed batch is in the log; 0 when none is. */
    loggedUpTo(): number {
      let through = 0;
      for (const name of oldestFirst) {
        const newest = batches.newest(name);
        if (!newest) continue;
        through = Math.max(through, batches.loggedUpTo(name));
        if (through < newest.sequence) break;
      }
      return through;
    },
  };
}
