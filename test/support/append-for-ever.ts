/**
 * For processes that a test kills: appends for ever, says on the standard output what was acknowledged, and asks again
 * for what was refused or is unknown.
 */
import { writeSync } from 'node:fs';
import type { Journal } from '../../journal/journal.ts';
import { isFault } from '../../protocol/fault.ts';

const WRITERS = 3;
const PAUSE_MS = 20;

/** Never resolves. Ids are `PREFIX-N` from a number on; their bodies are the id, twenty times. */
export async function appendForEver(journal: Journal, prefix: string, start: number): Promise<never> {
  let next = start;

  async function append(id: string): Promise<number> {
    const body = new TextEncoder().encode(id.repeat(20));
    for (;;) {
      try {
        // Each id is appended twice at once, as a sender does that did not hear the first answer.
        const [[position], [again]] = await Promise.all([
          journal.append([{ key: 'k', id, body }]),
          journal.append([{ key: 'k', id, body }]),
        ]);
        if (position !== again) throw new Error('doubled');
        return position!;
      } catch (error) {
        if (!isFault(error, 'unavailable') || error.retry === 'never') throw error;
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
  }

  async function one(): Promise<never> {
    for (;;) {
      const id = `${prefix}-${next++}`;
      writeSync(1, `${id} ${await append(id)}\n`);
    }
  }

  return Promise.race(Array.from({ length: WRITERS }, one));
}
