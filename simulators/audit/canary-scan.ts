/** Finds what must not be there: names, values and secrets, in every form in which they could lie in a file. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** What is looked for, and what it is. */
export interface Canary {
  readonly what: string;
  readonly bytes: Buffer;
}

/** A text as UTF-8 and UTF-16, in either case, and inside base64. */
export function textCanaries(what: string, text: string): Canary[] {
  const forms = [...new Set([text, text.toLowerCase(), text.toUpperCase()])];
  return forms.flatMap((form) => [
    { what: `${what} (UTF-8)`, bytes: Buffer.from(form, 'utf8') },
    { what: `${what} (UTF-16LE)`, bytes: Buffer.from(form, 'utf16le') },
    { what: `${what} (UTF-16BE)`, bytes: Buffer.from(form, 'utf16le').swap16() },
    ...insideBase64(form).map((inside) => ({ what: `${what} (base64)`, bytes: Buffer.from(inside) })),
  ]);
}

/** The characters that are the same wherever the text begins in what was encoded. */
function insideBase64(text: string): string[] {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length < 9) return [];
  return [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
    return encoded.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6));
  });
}

/** A secret as it is, and as text. */
export function secretCanaries(what: string, secret: Uint8Array): Canary[] {
  const bytes = Buffer.from(secret);
  const texts = [bytes.toString('hex'), bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url')];
  return [
    { what: `${what} (raw)`, bytes },
    ...texts.flatMap((text) => textCanaries(what, text).slice(0, 6)),
    { what: `${what} (HEX)`, bytes: Buffer.from(bytes.toString('hex').toUpperCase()) },
  ];
}

/** Bytes with the name under which a hit is reported. */
export interface Haystack {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Every file below a folder, apart from some; the names of files and folders are looked through too. */
export function readFolder(folder: string, isLeftOut: (path: string) => boolean): Haystack[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const paths = entries.map((entry) => ({ entry, path: relative(folder, join(entry.parentPath, entry.name)) }));
  const kept = paths.filter(({ path }) => !isLeftOut(path));
  return [
    { name: 'names of files', bytes: Buffer.from(kept.map(({ path }) => path).join('\n')) },
    ...kept
      .filter(({ entry }) => entry.isFile())
      .map(({ path }) => ({ name: path, bytes: readFileSync(join(folder, path)) })),
  ];
}

/** `what in where`, for everything that was found. */
export function scan(haystacks: readonly Haystack[], canaries: readonly Canary[]): string[] {
  return haystacks.flatMap(({ name, bytes }) =>
    canaries.filter((canary) => bytes.includes(canary.bytes)).map(({ what }) => `${what} in ${name}`),
  );
}
