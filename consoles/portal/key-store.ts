/** Keeps this browser's key from one visit to the next, one for each patient, in IndexedDB. */
import type { BrowserKey } from './browser-key.ts';

const DATABASE = 'veravita';
const KEYS = 'keys';

/** Without a store (a private window, say) a key lasts as long as the page. */
export async function loadKey(subject: string): Promise<BrowserKey | undefined> {
  return inStore('readonly', (keys) => keys.get(subject) as IDBRequest<BrowserKey | undefined>).catch(() => undefined);
}

export async function keepKey(subject: string, key: BrowserKey): Promise<void> {
  await inStore('readwrite', (keys) => keys.put(key, subject)).catch(() => undefined);
}

async function inStore<T>(mode: IDBTransactionMode, ask: (keys: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await openDatabase();
  try {
    return await settled(ask(database.transaction(KEYS, mode).objectStore(KEYS)));
  } finally {
    database.close();
  }
}

function openDatabase(): Promise<IDBDatabase> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(KEYS);
  return settled(opening);
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
