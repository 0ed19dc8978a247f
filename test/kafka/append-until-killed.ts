/** Run as a process by journal-kafka-kill.test.ts: appends for ever and reports what was acknowledged, until it is killed. */
import { openJournalKafka } from '../../journal/journal-kafka.ts';
import { appendForEver } from '../support/append-for-ever.ts';

const [broker = '', prefix = '', indexPath = '', ids = 'id', start = '0'] = process.argv.slice(2);
const journal = openJournalKafka({ brokers: [broker], prefix, name: 'journal', ...(indexPath && { indexPath }) });
await appendForEver(journal, ids, Number(start));
