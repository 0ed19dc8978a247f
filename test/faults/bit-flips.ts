/** One random bit of a stored file is flipped; then it is found by the scrubber, or nothing of what is stored changed. */
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { scrubAgent } from '../../edge-agent/scrub.ts';
import { scrubService } from '../../ingest-service/scrub/scrub-service.ts';
import { scrubLog } from '../../ledger-writer/scrub.ts';
import { parseVerifierKey } from '../../protocol/signed-note.ts';
import type { Random } from '../../simulators/random.ts';

export type FlipResult =
  | { readonly fate: 'found' }
  /** Free pages and the like: every row is what it was. */
  | { readonly fate: 'unaffected' }
  /** Rows changed, and the scrubber did not see it: in these columns. */
  | { readonly fate: 'missed'; readonly columns: readonly string[] };

/** Files that hold what the system stores; keys are not scrubbed, and what the auditor remembers is the auditor's. */
export function storedFiles(data: string): string[] {
  return (
    readdirSync(data, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(data, join(entry.parentPath, entry.name)))
      .filter((file) => /^(?:service|agents|log)\//.test(file) || file === 'keys/log/log-state.sqlite')
      // An index that SQLite builds anew for whoever comes first; it holds nothing.
      .filter((file) => !file.endsWith('-shm'))
      .filter((file) => statSync(join(data, file)).size > 0)
      .sort()
  );
}

/** Works on a copy below `folder`, which is removed again. */
export async function flipAndScrub(data: string, folder: string, file: string, random: Random): Promise<FlipResult> {
  const copy = join(folder, 'flipped');
  rmSync(copy, { recursive: true, force: true });
  cpSync(data, copy, { recursive: true });
  const bytes = readFileSync(join(copy, file));
  const at = Math.floor(random() * bytes.length);
  bytes[at] = bytes[at]! ^ (1 << Math.floor(random() * 8));
  writeFileSync(join(copy, file), bytes);
  const columns = file.endsWith('.sqlite') ? changedColumns(join(data, file), join(copy, file)) : ['its octets'];
  if (await isFound(copy)) return { fate: 'found' };
  return columns.length === 0 ? { fate: 'unaffected' } : { fate: 'missed', columns };
}

export async function isFound(data: string): Promise<boolean> {
  const logKey = parseVerifierKey(readFileSync(join(data, 'keys', 'log', 'log.vkey'), 'utf8').trim());
  if (scrubLog(join(data, 'log'), join(data, 'keys', 'log')).length > 0) return true;
  if ((await scrubService(data, logKey)).found.length > 0) return true;
  return readdirSync(join(data, 'agents')).some(
    (name) => scrubAgent(join(data, 'agents', name), join(data, 'keys', 'agents', name)).length > 0,
  );
}

/** `table.column` of every difference; `unreadable` when it cannot be told. */
function changedColumns(before: string, after: string): string[] {
  try {
    const [was, is] = [dump(before), dump(after)];
    const changed = new Set<string>();
    for (const table of new Set([...was.keys(), ...is.keys()])) {
      const [old, now] = [was.get(table) ?? [], is.get(table) ?? []];
      if (old.length !== now.length) changed.add(`${table}.*`);
      for (const [i, row] of old.entries()) {
        for (const [column, value] of Object.entries(row)) {
          if (now[i] && now[i][column] !== value) changed.add(`${table}.${column}`);
        }
      }
    }
    return [...changed];
  } catch {
    return ['unreadable'];
  }
}

function dump(path: string): Map<string, Record<string, string>[]> {
  const db = new DatabaseSync(path);
  try {
    const tables = db.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name").all();
    const schema = db.prepare('SELECT name, sql FROM sqlite_master ORDER BY name').all();
    return new Map([
      // A changed comment changes nothing.
      [
        'schema',
        schema.map(({ name, sql }) =>
          textOf({ name, sql: String(sql).replaceAll(/--.*$/gm, '').replaceAll(/\s+/g, ' ') }),
        ),
      ],
      ...tables.map(({ name }) => [name as string, db.prepare(`SELECT * FROM "${name}"`).all().map(textOf)] as const),
    ]);
  } finally {
    db.close();
  }
}

function textOf(row: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [
      column,
      value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value),
    ]),
  );
}
