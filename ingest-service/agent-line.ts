/** An agent under all the names that it had: with a new key it has a new name, and its chain of batches goes on. */
import type { AgentId } from '../protocol/keys.ts';
import type { StoredHeader } from './record/batches.ts';
import type { StoredKeyEvent } from './record/key-events.ts';
import type { Patient } from './record/patients.ts';
import type { RecordStore } from './record/record-sqlite.ts';

export type AgentLine = ReturnType<typeof openAgentLine>;

/** `agent`: the name under which it lives. Sequences go on from name to name, so they are those of the line. */
export function openAgentLine(store: RecordStore, agent: AgentId) {
  const { agents, batches, keyEvents, segments } = store;
  const newestFirst = keyEvents.lineOf(agent);
  const oldestFirst = newestFirst.toReversed();

  return {
    /** Rotations from the enrolled key to the one that signs now, in order. */
    rotations(): StoredKeyEvent[] {
      return oldestFirst.flatMap((name) => keyEvents.predecessorOf(name)?.event ?? []);
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
