/**
 * What services and characteristics are called in noble: by their UUID, and where a device has several of one UUID, all but
 * the first by their handle too, as in `180f@0031`.
 */

/** A key that is not taken yet. `uuid` as noble writes it, `handle` that of the declaration. */
export function attributeKey(uuid: string, handle: number, taken: ReadonlySet<string>): string {
  return taken.has(uuid) ? `${uuid}@${handle.toString(16).padStart(4, '0')}` : uuid;
}

/** UUID of a key, as noble writes it: hex without leading zeros, or 32 digits. */
export function uuidOf(key: string): string {
  const at = key.indexOf('@');
  return at < 0 ? key : key.slice(0, at);
}
