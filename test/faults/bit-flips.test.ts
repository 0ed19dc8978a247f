/** A bit is flipped in every stored file, again and again: found by the scrubber, or proven to have changed nothing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createRandom } from '../../simulators/random.ts';
import { until } from '../support/until.ts';
import { flipAndScrub, isFound, storedFiles } from './bit-flips.ts';
import { seedOf } from './clean.ts';
import { FaultSite } from './fault-site.ts';

const FLIPS = Number(process.env.VERAVITA_FLIPS ?? 4);

/**
 * What no seal, signature, hash or other row vouches for, and what comes of it: an agent hears a reading once more and the
 * record recognizes it (doubles, held.mark), fetches stored records again (record_cursors), counts wrongly (outbox), asks a
 * service that says it again (collect, state.command_number), attests a time of which others can tell (state.alive_at),
 * or says of an erasure what the service does not believe without its own look (spoken, erasures).
 */
const HARMLESS =
  /^(?:doubles\.|record_cursors\.|collect\.|spoken\.|erasures\.|held\.(?:device|user|mark|held_day)|state\.(?:alive_at|covered_at|command_number|sealed_rows)|outbox\.(?:published|withheld|refused)|sqlite_sequence\.)/;
/** The record's own: where the log is told of sooner than it was (nobody asks), and an entry that is handed over once more. */
const HARMLESS_IN_SERVICE = /^(?:entries\.body|followers\.next|commitments\.sent)$/;

it(`finds a flipped bit in every stored file, ${FLIPS} times each`, async () => {
  const random = createRandom(seedOf('bit flips'));
  const site = await FaultSite.open();
  const folder = mkdtempSync(join(tmpdir(), 'veravita-flips-'));
  try {
    site.start();
    site.producer.measure(60);
    await until('all is confirmed', () => site.producer.unconfirmed === 0, 60_000);
    await site.drain();
    // So that something is in the agent's outbox, too.
    await site.programs.service.end('SIGTERM');
    site.producer.measure(30);
    await until('the agent has it', () => site.producer.unconfirmed === 0, 60_000);
    await site.programs.agent.end('SIGTERM');
    await site.programs.writer.end('SIGTERM');
    expect(await isFound(site.data)).toBe(false);

    const fates: Record<string, number> = {};
    const missed: string[] = [];
    for (const file of storedFiles(site.data)) {
      for (let i = 0; i < FLIPS; i++) {
        const result = await flipAndScrub(site.data, folder, file, random);
        fates[result.fate] = (fates[result.fate] ?? 0) + 1;
        if (result.fate !== 'missed') continue;
        const harmless = file.startsWith('agents/') ? HARMLESS : HARMLESS_IN_SERVICE;
        const harmful = result.columns.filter((column) => !harmless.test(column));
        if (harmful.length > 0) missed.push(`${file}: ${harmful.join(', ')}`);
        else fates.harmless = (fates.harmless ?? 0) + 1;
      }
    }
    console.info(`bit flips: ${JSON.stringify(fates)}`);
    expect(missed).toEqual([]);
    expect(fates.found).toBeGreaterThan(FLIPS);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await site.close();
  }
});
