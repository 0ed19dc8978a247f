/** Run as a process by journal-kafka-kill.test.ts: follows and reports what it handled, until it is killed. */
import { writeSync } from 'node:fs';
import { openJournalKafka } from '../../journal/journal-kafka.ts';

const [broker = '', prefix = ''] = process.argv.slice(2);
const journal = openJournalKafka({ brokers: [broker], prefix, name: 'journal' });
journal.follow(
  'follower',
  async (entries) => {
    // The effect: whoever started us has it, before the cursor moves.
    for (const { id, position } of entries) writeSync(1, `${id} ${position}\n`);
  },
  { batchSize: 16, pollMs: 10, backoffMs: { first: 10, longest: 200 } },
);
