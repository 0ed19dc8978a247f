/** {@link createErasing} over the service's folders and inbox. */
import { join } from 'node:path';
import type { Journal } from '../../journal/journal.ts';
import { ERASURES_FILE } from '../config.ts';
import { NEEDLE_OCTETS } from '../record/patient-rows.ts';
import { createErasing, type Erasing, type ErasingDeps } from './erasing.ts';
import { openOrderList } from './order-list.ts';
import { openWorkFiles } from './work-file.ts';

export interface ErasingConfig extends Omit<ErasingDeps, 'orders' | 'works' | 'folders' | 'inboxNeedles'> {
  /** Folder of the record. */
  readonly directory: string;
  /** The log's public files, which are looked through as well. */
  readonly logDirectory?: string;
  readonly inbox: Journal;
}

/** Throws `inconsistent` when the list of orders does not hold. */
export function openErasing({ directory, logDirectory, inbox, ...deps }: ErasingConfig): Erasing {
  return createErasing({
    ...deps,
    orders: openOrderList(join(directory, ERASURES_FILE), deps.signer.publicKey, deps.verify, deps.store),
    works: openWorkFiles(directory),
    folders: { service: directory, ...(logDirectory && { others: { log: logDirectory } }) },
    inboxNeedles: () => needlesOf(inbox),
  });
}

/** The beginnings of all bodies in a journal, which are random octets. */
async function needlesOf(inbox: Journal): Promise<Uint8Array[]> {
  const needles: Uint8Array[] = [];
  for (let from = 0; ; ) {
    const entries = await inbox.read(from, 100);
    const last = entries.at(-1);
    if (!last) return needles;
    for (const { body } of entries) if (body.length >= NEEDLE_OCTETS) needles.push(body.slice(0, NEEDLE_OCTETS));
    from = last.position + 1;
  }
}
