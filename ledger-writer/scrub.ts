/** Is the log still what was written? Its private entries against the public tiles, and every file that is served. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { hasSchema, openChecked } from '../journal/sqlite-structure.ts';
import { concatBytes, decodeUtf8, equalBytes } from '../protocol/bytes.ts';
import { openCheckpoint } from '../protocol/checkpoint.ts';
import { hashLeaf, rootOf } from '../protocol/merkle.ts';
import { parseVerifierKey } from '../protocol/signed-note.ts';
import { encodeEntryBundle, TILE_WIDTH } from '../protocol/tile-paths.ts';
import { LOG_STATE_SCHEMA } from './log-state.ts';
import { sha256 } from './log-tiles.ts';

export interface LogFinding {
  /** File below the data directory. */
  readonly file: string;
  readonly says: string;
}

const STATE = 'keys/log/log-state.sqlite';

/** `logDirectory` and `keyDirectory` as the writer has them. The writer must not run: it holds its state exclusively. */
export function scrubLog(logDirectory: string, keyDirectory: string): LogFinding[] {
  const found: LogFinding[] = [];
  const db = openChecked(join(keyDirectory, 'log-state.sqlite'), (says) => found.push({ file: STATE, says }));
  if (!db) return found;
  try {
    if (!hasSchema(db, (fresh) => fresh.exec(LOG_STATE_SCHEMA)))
      found.push({ file: STATE, says: 'its tables are others' });
    const entries = db.prepare('SELECT position, entry FROM entries ORDER BY position').all();
    const isCounted = entries.every(({ position }, i) => position === i);
    if (!isCounted) found.push({ file: STATE, says: 'its entries are not counted without a gap' });
    const note = db.prepare('SELECT note FROM signed').get()?.note as string | undefined;
    const key = parseVerifierKey(readFileSync(join(keyDirectory, 'log.vkey'), 'utf8').trim());
    const { checkpoint } = openCheckpoint(note ?? '', [key], key.name);
    const signed = entries.slice(0, checkpoint.size).map(({ entry }) => entry as Uint8Array);
    const hashes = signed.map((entry) => hashLeaf(entry, sha256));
    if (!equalBytes(rootOf(hashes, sha256), checkpoint.root)) {
      found.push({ file: STATE, says: 'its entries do not lead to the root that was signed' });
    }
    found.push(...scrubServed(logDirectory, { signed, hashes, note: note! }));
  } catch {
    found.push({ file: STATE, says: 'it, or a public file beside it, is not as it was written' });
  } finally {
    db.close();
  }
  return found;
}

interface Signed {
  readonly signed: readonly Uint8Array[];
  readonly hashes: readonly Uint8Array[];
  readonly note: string;
}

/** Every file that is served, written again from the entries: older partial tiles, too. */
function scrubServed(directory: string, { signed, hashes, note }: Signed): LogFinding[] {
  const found: LogFinding[] = [];
  const levels: (readonly Uint8Array[])[] = [hashes];
  while (levels.at(-1)!.length >= TILE_WIDTH) {
    const below = levels.at(-1)!;
    const full = Math.floor(below.length / TILE_WIDTH);
    levels.push(
      Array.from({ length: full }, (_, i) => rootOf(below.slice(TILE_WIDTH * i, TILE_WIDTH * (i + 1)), sha256)),
    );
  }
  for (const path of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    if (!statSync(join(directory, path)).isFile() || path.startsWith('.tmp')) continue;
    const bytes = new Uint8Array(readFileSync(join(directory, path)));
    const tile = /^tile\/(\d+|entries)\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d+))?$/.exec(path);
    const says = (text: string) =>
      found.push({ file: `log/${relative(directory, join(directory, path))}`, says: text });
    if (path === 'checkpoint') {
      if (decodeUtf8(bytes) !== note) says('it is not the checkpoint that was signed last');
      continue;
    }
    if (!tile) {
      says('no such file belongs to a log');
      continue;
    }
    const [, level, place, width = String(TILE_WIDTH)] = tile as unknown as [string, string, string, string?];
    const start = Number(place.replaceAll(/[x/]/g, '')) * TILE_WIDTH;
    const of = level === 'entries' ? signed : (levels[Number(level)] ?? []);
    const part = of.slice(start, start + Number(width));
    if (part.length < Number(width)) continue; // written before it was signed, and not served by any checkpoint
    const expected = level === 'entries' ? encodeEntryBundle(part) : concatBytes(...part);
    if (!equalBytes(bytes, expected)) says('it is not what its entries give');
  }
  return found;
}
