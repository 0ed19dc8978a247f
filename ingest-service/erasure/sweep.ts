/** Looks through every store of the service for what was erased, and says store by store what it found. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ErasureStatement } from '../../protocol/erasure.ts';
import type { RecordStore } from '../record/record-sqlite.ts';
import { createNeedleSearch, scanFile } from './needles.ts';
import type { ErasureWork } from './work-file.ts';

/** Where the stores are. */
export interface SweptFolders {
  /** Record, journals and what else the service keeps: a store is named after its file, write-ahead logs with it. */
  readonly service: string;
  /** Further folders by the name of the store, such as the log's public files. */
  readonly others?: Readonly<Record<string, string>>;
}

export async function sweepStores(
  store: RecordStore,
  { service, others = {} }: SweptFolders,
  { patient, needles }: ErasureWork,
): Promise<ErasureStatement[]> {
  const search = createNeedleSearch(needles);
  const { scanned, found } = store.patientRows.count(patient);
  const statements: ErasureStatement[] = [{ store: 'record', unit: 'rows', scanned, sought: 1, found }];
  for (const [name, files] of storesOf(service, others)) {
    const hits = new Set<string>();
    let octets = 0;
    for (const file of files) octets += await scanFile(file, search, hits);
    statements.push({ store: name, unit: 'octets', scanned: octets, sought: search.sought, found: hits.size });
  }
  return statements;
}

/** Files by store; the names in order, so that certificates of one service look alike. */
function storesOf(service: string, others: Readonly<Record<string, string>>): [string, string[]][] {
  const stores = new Map<string, string[]>();
  for (const path of filesBelow(service)) {
    const name = /^([a-z][a-z0-9-]*)\.sqlite(?:-(?:wal|shm|journal))?$/.exec(path)?.[1] ?? 'other-files';
    stores.set(name, [...(stores.get(name) ?? []), join(service, path)]);
  }
  for (const [name, folder] of Object.entries(others)) {
    stores.set(
      name,
      filesBelow(folder).map((path) => join(folder, path)),
    );
  }
  return [...stores].sort(([a], [b]) => (a < b ? -1 : 1));
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => {
    return statSync(join(folder, path), { throwIfNoEntry: false })?.isFile();
  });
}
