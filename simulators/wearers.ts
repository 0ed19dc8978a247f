/** How the wearers of a recording are named in files: again the same each time it is replayed. */
import { createHash } from 'node:crypto';

/** The name by which a wearer of a recording has a key, and the name in the record is told apart. */
export function wearerOf(recording: string, subject: string | null): string {
  return subject === null ? recording : `${recording} ${subject}`;
}

/** A name for files: letters, digits and hyphens, and a hash that keeps different names apart. */
export function slugOf(name: string): string {
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 40)}-${hash}`;
}
