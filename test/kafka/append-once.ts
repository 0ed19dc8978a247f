/** Run as a process by journal-kafka-shared.test.ts: appends some ids in one append, and ends. */
import { openJournalKafka } from '../../journal/journal-kafka.ts';

const [broker = '', prefix = '', ...ids] = process.argv.slice(2);
const journal = openJournalKafka({ brokers: [broker], prefix, name: 'journal' });
await journal.append(ids.map((id) => ({ key: 'k', id, body: new TextEncoder().encode(id) })));
await journal.close();
