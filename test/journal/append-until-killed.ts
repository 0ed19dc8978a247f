/** Run as a process by journal-kill.test.ts: appends for ever and reports what was acknowledged, until it is killed. */
import { openJournalSqlite } from '../../journal/journal-sqlite.ts';
import { appendForEver } from '../support/append-for-ever.ts';

const [path = '', start = '0'] = process.argv.slice(2);
await appendForEver(openJournalSqlite({ path }), 'id', Number(start));
