/** Nothing personal where it must not be: a search for names, addresses, values and keys through every file but the keys. */
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { type Canary, secretCanaries, textCanaries } from './canary-scan.ts';
import type { Check } from './check.ts';
import type { PatientRecord } from './patient-record.ts';
import type { Truth } from './truth.ts';

export interface PersonalSearch {
  readonly data: string;
  /** Further files and folders: logs, dumps of a broker. */
  readonly logs: readonly string[];
  readonly records: readonly PatientRecord[];
  readonly truth: Truth | undefined;
  /** Seeds of the patients' keys. */
  readonly secrets: readonly Uint8Array[];
}

const CHUNK = 4 * 1024 * 1024;

export function checkPersonal(check: Check, { data, logs, records, truth, secrets }: PersonalSearch): void {
  const names = new Set(
    records.map(({ name }) => name.replace(/\s*\(HTEST\)\s*/, '')).filter((name) => name.length >= 6),
  );
  const texts = truth?.personal ?? [];
  const canaries = [
    ...[...names].flatMap((name) => textCanaries('a name', name)),
    ...texts.flatMap(({ what, text }) => textCanaries(what, text)),
    ...(truth?.octets ?? []).map(({ what, bytes }) => ({ what, bytes: Buffer.from(bytes) })),
    ...secrets.flatMap((secret) => secretCanaries("a patient's key", secret)),
  ];
  if (canaries.length === 0) {
    check.notChecked('nothing is known that could be recognized');
    return;
  }
  const longest = Math.max(...canaries.map(({ bytes }) => bytes.length));
  const search = (path: string, name: string) => {
    check.looked();
    const isAgents = name.startsWith(`agents${sep}`);
    // Which wearables are its own, an agent has to know.
    const sought = isAgents ? canaries.filter(({ what }) => !what.startsWith('an address')) : canaries;
    for (const what of found(path, sought, longest)) check.wrong(`${what} in ${name}`);
  };
  for (const path of filesBelow(data)) {
    const name = relative(data, path);
    if (!name.startsWith(`keys${sep}`)) search(path, name);
  }
  for (const log of logs) for (const path of filesBelow(log)) search(path, path);
}

function found(path: string, canaries: readonly Canary[], longest: number): Set<string> {
  const hits = new Set<string>();
  const buffer = Buffer.alloc(CHUNK);
  const file = openSync(path, 'r');
  try {
    for (let at = 0; ; at += CHUNK - longest) {
      const length = readSync(file, buffer, 0, CHUNK, at);
      const bytes = buffer.subarray(0, length);
      for (const canary of canaries) if (!hits.has(canary.what) && bytes.includes(canary.bytes)) hits.add(canary.what);
      if (length < CHUNK) return hits;
    }
  } finally {
    closeSync(file);
  }
}

function filesBelow(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
