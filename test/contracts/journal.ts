/** The suite of the Journal port: every engine passes all of it. The contract in prose: journal/journal.ts. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Journal, JournalEntry, NewEntry } from '../../journal/journal.ts';
import { isFault } from '../../protocol/fault.ts';

/** One store that outlives its journal objects. */
export interface JournalUnderTest {
  /** A journal over the store; called again after a close, and while another one is open (a second process). */
  open(): Journal;
  /** A journal whose commits fail when `fail` says so, before or after they are durable. */
  openFaulty(fail: (moment: 'before-commit' | 'after-commit') => void): Journal;
  dispose(): void;
}

const entry = (id: string, key = 'k', size = 3): NewEntry => ({ id, key, body: new Uint8Array(size).fill(id.length) });
const ids = (entries: readonly JournalEntry[]) => entries.map(({ id }) => id);
const quick = { pollMs: 10, backoffMs: { first: 1, longest: 4 } };

/** Registers the suite for an engine. */
export function describeJournal(engine: string, create: () => JournalUnderTest): void {
  describe(`Journal: ${engine}`, () => {
    let store: JournalUnderTest;
    let journal: Journal;

    beforeEach(() => {
      store = create();
      journal = store.open();
    });
    afterEach(async () => {
      await journal.close();
      store.dispose();
    });

    async function reopen(): Promise<void> {
      await journal.close();
      journal = store.open();
    }

    describe('append and read', () => {
      it('gives positions from 0 without gaps, and what was stored', async () => {
        expect(await journal.append([entry('a'), entry('b', 'other', 0)])).toEqual([0, 1]);
        expect(await journal.append([entry('c')])).toEqual([2]);
        expect(await journal.append([])).toEqual([]);
        expect(await journal.end()).toBe(3);
        expect(await journal.read(1, 10)).toEqual([
          { position: 1, ...entry('b', 'other', 0) },
          { position: 2, ...entry('c') },
        ]);
        expect(await journal.read(0, 1)).toHaveLength(1);
        expect(await journal.read(3, 1)).toEqual([]);
      });

      it('keeps the first of each id, also within one append and across a restart', async () => {
        await journal.append([entry('a'), entry('b')]);
        await reopen();
        expect(await journal.append([entry('b', 'changed', 9), entry('c'), entry('c'), entry('a')])).toEqual([
          1, 2, 2, 0,
        ]);
        expect(ids(await journal.read(0, 10))).toEqual(['a', 'b', 'c']);
        expect((await journal.read(1, 1))[0]).toEqual({ position: 1, ...entry('b') });
      });

      it('is any sequence of concurrent appends, doubles or not', async () => {
        const appends = fc.array(fc.array(fc.nat(30), { maxLength: 6 }), { maxLength: 20 });
        await fc.assert(
          fc.asyncProperty(appends, async (batches) => {
            const fresh = create();
            const under = fresh.open();
            const positions = await Promise.all(
              batches.map((batch) => under.append(batch.map((n) => entry(`id-${n}`)))),
            );
            const all = await under.read(0, 1000);
            expect(all.map(({ position }) => position)).toEqual(all.map((_, index) => index));
            const expected = [...new Set(batches.flat())].map((n) => `id-${n}`);
            expect(ids(all)).toEqual(expected);
            for (const [at, batch] of batches.entries()) {
              expect(positions[at]).toEqual(batch.map((n) => expected.indexOf(`id-${n}`)));
            }
            await under.close();
            fresh.dispose();
          }),
          { numRuns: 15 },
        );
      });

      it('copies bodies, so that a caller may reuse its buffer', async () => {
        const body = Uint8Array.of(1, 2, 3);
        const appended = journal.append([{ key: 'k', id: 'a', body }]);
        body.fill(9);
        await appended;
        expect((await journal.read(0, 1))[0]!.body).toEqual(Uint8Array.of(1, 2, 3));
      });

      it('is shared by two processes', async () => {
        const other = store.open();
        expect(await journal.append([entry('a')])).toEqual([0]);
        expect(await other.append([entry('b'), entry('a')])).toEqual([1, 0]);
        expect(await journal.append([entry('b'), entry('c')])).toEqual([1, 2]);
        expect(ids(await other.read(0, 9))).toEqual(['a', 'b', 'c']);
        await other.close();
      });

      it('refuses after close', async () => {
        await journal.close();
        await expect(journal.append([entry('a')])).rejects.toThrow('closed');
        await expect(journal.read(0, 1)).rejects.toThrow('closed');
      });
    });

    describe('followers', () => {
      it('get everything in order, and what is appended later', async () => {
        await journal.append([entry('a'), entry('b')]);
        const seen: string[] = [];
        const follower = journal.follow('f', async (entries) => void seen.push(...ids(entries)), quick);
        await follower.caughtUp();
        expect(seen).toEqual(['a', 'b']);
        await journal.append([entry('c')]);
        await follower.caughtUp();
        expect(seen).toEqual(['a', 'b', 'c']);
        expect(follower.position).toBe(3);
      });

      it('continue after a restart where they were, each with its own cursor', async () => {
        await journal.append([entry('a'), entry('b')]);
        const first: string[] = [];
        await journal.follow('one', async (entries) => void first.push(...ids(entries)), quick).caughtUp();
        await reopen();
        await journal.append([entry('c')]);
        const second: string[] = [];
        const other: string[] = [];
        await journal.follow('one', async (entries) => void second.push(...ids(entries)), quick).caughtUp();
        await journal.follow('two', async (entries) => void other.push(...ids(entries)), quick).caughtUp();
        expect([first, second, other]).toEqual([['a', 'b'], ['c'], ['a', 'b', 'c']]);
      });

      it('see what another process appends', async () => {
        const other = store.open();
        const seen: string[] = [];
        const arrived = new Promise<void>((resolve) => {
          journal.follow(
            'f',
            async (entries) => {
              seen.push(...ids(entries));
              resolve();
            },
            quick,
          );
        });
        await other.append([entry('a')]);
        await arrived;
        expect(seen).toEqual(['a']);
        await other.close();
      });

      it('get the same again after a failure, and skip nothing', async () => {
        await journal.append(['a', 'b', 'c', 'd', 'e'].map((id) => entry(id)));
        const done: string[] = [];
        let failures = 0;
        const attempts: number[] = [];
        const follower = journal.follow(
          'f',
          async (entries) => {
            if (failures < 3 && entries[0]!.id === 'c') {
              failures++;
              throw new Error('not now');
            }
            done.push(...ids(entries));
          },
          { ...quick, batchSize: 2, onError: (_, attempt) => void attempts.push(attempt) },
        );
        await follower.caughtUp();
        expect(done).toEqual(['a', 'b', 'c', 'd', 'e']);
        expect(attempts).toEqual([1, 2, 3]);
      });

      it('get again after a restart what they had not finished', async () => {
        await journal.append([entry('a'), entry('b')]);
        const started: string[] = [];
        const first = new Promise<void>((resolve) => {
          journal.follow(
            'f',
            async (entries) => {
              started.push(...ids(entries));
              resolve();
              throw new Error('crash');
            },
            { ...quick, batchSize: 1 },
          );
        });
        await first;
        await reopen();
        const seen: string[] = [];
        await journal.follow('f', async (entries) => void seen.push(...ids(entries)), quick).caughtUp();
        expect(started[0]).toBe('a');
        expect(seen).toEqual(['a', 'b']);
      });

      it('let the handler finish when stopped, and hand over nothing more', async () => {
        await journal.append([entry('a'), entry('b')]);
        let release: () => void = () => {};
        const seen: string[] = [];
        let began: () => void = () => {};
        const begun = new Promise<void>((resolve) => {
          began = resolve;
        });
        const follower = journal.follow(
          'f',
          async (entries) => {
            began();
            await new Promise<void>((resolve) => {
              release = resolve;
            });
            seen.push(...ids(entries));
          },
          { ...quick, batchSize: 1 },
        );
        await begun;
        const caughtUp = follower.caughtUp();
        const stopped = follower.stop();
        release();
        await stopped;
        await caughtUp;
        expect(seen).toEqual(['a']);
        const rest: string[] = [];
        await journal.follow('f', async (entries) => void rest.push(...ids(entries)), quick).caughtUp();
        expect(rest).toEqual(['b']);
      });

      it('are one of a name at a time', async () => {
        const follower = journal.follow('f', async () => {}, quick);
        expect(() => journal.follow('f', async () => {})).toThrow('of that name');
        await follower.stop();
        await journal.follow('f', async () => {}, quick).caughtUp();
      });
    });

    describe('trim', () => {
      it('stops at the slowest follower and forgets nothing before anybody followed', async () => {
        await journal.append(['a', 'b', 'c', 'd'].map((id) => entry(id)));
        expect(await journal.trim(4)).toBe(0);
        await journal.follow('fast', async () => {}, quick).caughtUp();
        const slow = journal.follow(
          'slow',
          async (entries) => {
            if (entries[0]!.id !== 'a' && entries[0]!.id !== 'b') throw new Error('not now');
          },
          { ...quick, batchSize: 2, backoffMs: { first: 1000, longest: 1000 } },
        );
        while (slow.position < 2) await new Promise((resolve) => setTimeout(resolve, 2));
        expect(await journal.trim(4)).toBe(2);
        expect(ids(await journal.read(0, 10))).toEqual(['c', 'd']);
      });

      it('keeps positions and ids, starts new followers at what is kept, and survives a restart', async () => {
        await journal.append(['a', 'b', 'c'].map((id) => entry(id)));
        const follower = journal.follow('f', async () => {}, quick);
        await follower.caughtUp();
        expect(await journal.trim(2)).toBe(2);
        expect(await journal.trim(1)).toBe(2);
        await reopen();
        expect(await journal.append([entry('a'), entry('d')])).toEqual([0, 3]);
        const seen: string[] = [];
        await journal.follow('new', async (entries) => void seen.push(...ids(entries)), quick).caughtUp();
        expect(seen).toEqual(['c', 'd']);
        await journal.follow('f', async () => {}, quick).caughtUp();
        expect(await journal.trim(99)).toBe(4);
        await reopen();
        expect(await journal.append([entry('e')])).toEqual([4]);
      });
    });

    describe('failing stores', () => {
      for (const moment of ['before-commit', 'after-commit'] as const) {
        it(`an append that failed ${moment} is right to repeat`, async () => {
          let fail = false;
          const faulty = store.openFaulty((at) => {
            if (!fail || at !== moment) return;
            fail = false;
            throw new Error('disk');
          });
          await faulty.append([entry('a')]);
          fail = true;
          const failed = await faulty.append([entry('b'), entry('c')]).catch((error: unknown) => error);
          expect(isFault(failed, 'unavailable')).toBe(true);
          expect(ids(await faulty.read(0, 9))).toEqual(moment === 'before-commit' ? ['a'] : ['a', 'b', 'c']);
          expect(await faulty.append([entry('b'), entry('c')])).toEqual([1, 2]);
          expect(ids(await faulty.read(0, 9))).toEqual(['a', 'b', 'c']);
          await faulty.close();
        });
      }

      it('make followers repeat, never skip', async () => {
        let commits = 0;
        const faulty = store.openFaulty((at) => {
          if (++commits % 3 === 0) throw new Error(at);
        });
        const wanted = Array.from({ length: 20 }, (_, i) => `id-${i}`);
        for (const id of wanted) {
          while (true) {
            const result = await faulty.append([entry(id)]).catch(() => undefined);
            if (result !== undefined) break;
          }
        }
        const seen = new Map<string, number>();
        const follower = faulty.follow(
          'f',
          async (entries) => {
            for (const { id, position } of entries) seen.set(id, position);
          },
          { ...quick, batchSize: 3 },
        );
        await follower.caughtUp();
        expect([...seen]).toEqual(wanted.map((id, position) => [id, position]));
        await faulty.close();
      });
    });
  });
}
