/** How far the run before attested coverage, and what is to be said of the time since, when it was off or was killed. */
import type { DatabaseSync } from 'node:sqlite';
import { encodeHex } from '../protocol/bytes.ts';
import type { Instant } from '../protocol/time.ts';
import type { Coverage } from './coverage.ts';
import type { Pending } from './pending.ts';

/** To be called before this run writes anything. */
export function openLastRun(db: DatabaseSync) {
  const found = db.prepare('SELECT covered_at AS covered, alive_at AS alive FROM state').get() as {
    covered: number | null;
    alive: number | null;
  };
  const mark = db.prepare('UPDATE state SET covered_at = ?');

  return {
    /** Coverage is durable up to an instant; inside the transaction that makes it so. */
    cover(through: Instant): void {
      mark.run(through);
    },

    /** Makes durable what can be said of the time up to now; nothing on the first start. */
    attest(coverage: Coverage, pending: Pending, now: Instant): void {
      if (found.alive !== null) {
        // An older version did not note how far coverage was attested.
        const coveredAt = found.covered ?? found.alive;
        const heard = new Set<string>();
        for (const { device, heardAt } of pending.readings()) if (heardAt >= coveredAt) heard.add(encodeHex(device));
        // What was heard since is not all there: of that time nothing is said, and certificates of coverage show it.
        const saidAt = pending.endsUnreadable ? Math.max(coveredAt, found.alive) : coveredAt;
        const ended = { coveredAt: saidAt, aliveAt: found.alive };
        const leaves = coverage.agentOff(ended, now, ({ device }) => heard.has(encodeHex(device)));
        if (leaves.length > 0) {
          pending.append(leaves.map((leaf) => ({ leaf }))).catch(() => coverage.restore(leaves));
        }
      }
      pending.commit(() => mark.run(now));
    },
  };
}
