/** Run as a process by journal-kill.test.ts: appends for ever and reports what was acknowledged, until it is killed. */
import { writeSync } from 'node:fs';
import { openJournalSqlite } from '../../journal/journal-sqlite.ts';

const [path = '', start = '0'] = process.argv.slice(2);
const journal = openJournalSqlite({ path });
let next = Number(start);

async function appendForEver(): Promise<never> {
  while (true) {
    const id = `id-${next++}`;
    // Each id is appended twice at once, as a sender does that did not hear the first answer.
    const body = new TextEncoder().encode(id.repeat(20));
    const [[position], [again]] = await Promise.all([
      journal.append([{ key: 'k', id, body }]),
      journal.append([{ key: 'k', id, body }]),
    ]);
    if (position !== again) throw new Error('doubled');
    writeSync(1, `${id} ${position}\n`);
  }
}

await Promise.all([appendForEver(), appendForEver(), appendForEver()]);
