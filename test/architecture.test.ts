/**
 * Who may import whom, held by reading the import lines of every file. A package manager would
 * enforce it between packages; this is one package with folders of that shape.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(dirname(new URL(import.meta.url).pathname), '..');

interface Import {
  readonly file: string;
  readonly line: number;
  /** A path from the root for one of ours, else the specifier. */
  readonly target: string;
  readonly ours: boolean;
  readonly typeOnly: boolean;
}

/** What the files of a folder may import; the first rule whose pattern fits a file holds. */
interface Rule {
  readonly files: RegExp;
  /** Folders of ours, by the beginning of their path. */
  readonly ours: readonly string[];
  /** Of ours, but types only. */
  readonly types?: readonly string[];
  readonly packages: readonly string[];
  readonly node: boolean;
}

const PURE = ['protocol/'];
const HPKE = '@hpke/core';

const RULES: readonly Rule[] = [
  { files: /^protocol\/cbor\.ts$/, ours: PURE, packages: ['cborg'], node: false },
  { files: /^protocol\//, ours: PURE, packages: ['@noble/hashes/', '@noble/curves/'], node: false },

  { files: /^journal\/kafka\/connection\.ts$/, ours: ['protocol/', 'journal/'], packages: ['kafkajs'], node: true },
  { files: /^journal\//, ours: ['protocol/', 'journal/'], packages: [], node: true },

  {
    files: /^edge-agent\/radio\/load-noble\.ts$/,
    ours: ['edge-agent/radio/'],
    packages: ['@abandonware/noble/'],
    node: true,
  },
  {
    files: /^edge-agent\/radio\/hci-native\.ts$/,
    ours: ['edge-agent/radio/'],
    packages: ['@abandonware/bluetooth-hci-socket'],
    node: true,
  },
  { files: /^edge-agent\//, ours: ['protocol/', 'edge-agent/'], packages: ['mqtt', HPKE], node: true },

  {
    files: /^ledger-writer\/anchor-evm\.ts$/,
    ours: ['protocol/', 'journal/', 'ledger-writer/'],
    packages: ['viem'],
    node: true,
  },
  { files: /^ledger-writer\/evm\/compile\.ts$/, ours: [], packages: ['solc'], node: true },
  { files: /^ledger-writer\//, ours: ['protocol/', 'journal/', 'ledger-writer/'], packages: [], node: true },

  // Pure too: no store, no framework, no clock. What they share with each other is types.
  {
    files: /^ingest-service\/consent\//,
    ours: ['protocol/', 'ingest-service/consent/'],
    types: ['ingest-service/fhir/'],
    packages: ['@noble/hashes/'],
    node: false,
  },
  {
    files: /^ingest-service\/fhir\//,
    ours: ['protocol/', 'ingest-service/fhir/'],
    types: ['ingest-service/consent/'],
    packages: [],
    node: false,
  },
  {
    files: /^ingest-service\/broker\.ts$/,
    ours: ['protocol/', 'journal/', 'ingest-service/'],
    packages: ['aedes'],
    node: true,
  },
  {
    files: /^ingest-service\/record\/record-postgres\.ts$/,
    ours: ['protocol/', 'journal/', 'ingest-service/'],
    packages: ['pg'],
    node: true,
  },
  {
    files: /^ingest-service\/receipt-qr\.ts$/,
    ours: ['protocol/'],
    packages: ['qr'],
    node: false,
  },
  {
    files: /^ingest-service\/http\//,
    ours: ['protocol/', 'ingest-service/'],
    packages: ['fastify', '@fastify/', 'zod'],
    node: true,
  },
  {
    files: /^ingest-service\//,
    ours: ['protocol/', 'journal/', 'ingest-service/'],
    packages: ['mqtt', HPKE],
    node: true,
  },

  // Finds the right Node for a command, and starts it.
  { files: /^run\.mjs$/, ours: [], packages: [], node: true },
  // Runs two programs beside each other; that they share no code is the point.
  { files: /^ingest\.mjs$/, ours: [], packages: [], node: true },
  // Runs three programs after one another, each with its own keys.
  { files: /^scrub\.mjs$/, ours: [], packages: [], node: true },

  { files: /^verifier\/page\/vite\.config\.ts$/, ours: [], packages: ['vite'], node: true },
  { files: /^verifier\/page\/read-code\.ts$/, ours: [], packages: ['qr'], node: false },
  { files: /^verifier\/page\//, ours: ['protocol/', 'verifier/'], packages: [], node: false },
  { files: /^verifier\//, ours: ['protocol/', 'verifier/'], packages: [], node: true },

  { files: /^consoles\/vite\.config\.ts$/, ours: [], packages: ['vite'], node: true },
  { files: /^consoles\//, ours: ['protocol/', 'consoles/'], packages: ['preact'], node: false },

  // The files that know everybody; they start the real things.
  {
    files: /^simulators\/(?:world|fleet-site)\.ts$/,
    ours: ['protocol/', 'simulators/', 'edge-agent/', 'ingest-service/', 'ledger-writer/', 'journal/'],
    packages: [],
    node: true,
  },
  { files: /^simulators\/scenarios\//, ours: ['protocol/', 'simulators/'], packages: ['zod'], node: true },
  { files: /^simulators\/recording\.ts$/, ours: ['protocol/', 'simulators/'], packages: ['csv-parse'], node: true },
  { files: /^simulators\//, ours: ['protocol/', 'simulators/'], packages: [], node: true },
];

/** Folders whose files may import anything: what looks at the whole from outside. */
const OUTSIDE = /^(?:test|bench)\/|^vitest\.config\.ts$/;

const FILES = readdirSync(ROOT, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).split(sep).join('/'))
  .filter((file) => !/(?:^|\/)(?:node_modules|dist|data|\.[^/]+)\//.test(file));
const SOURCES = FILES.filter((file) => /\.(?:ts|tsx|cts|mts|js|cjs|mjs)$/.test(file));

const textOf = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** Import lines, `export ... from`, dynamic imports, requires, and modules named as `new URL(..., import.meta.url)`. */
const STATEMENTS = [
  /^[ \t]*(?:import|export)\b(?<clause>[^'";]*?)\bfrom\s*['"](?<target>[^'"]+)['"]/gm,
  /^[ \t]*import\s*(?<clause>)['"](?<target>[^'"]+)['"]/gm,
  /\b(?:import|require)\s*(?:\.resolve\s*)?\((?<clause>)\s*['"`](?<target>[^'"`]+)['"`]/g,
];

function importsOf(file: string): Import[] {
  const text = textOf(file);
  return STATEMENTS.flatMap((pattern) =>
    [...text.matchAll(pattern)].map(({ index, groups }) => {
      const target = groups!.target!;
      const ours = target.startsWith('.');
      return {
        file,
        line: text.slice(0, index).split('\n').length,
        target: ours ? posix.normalize(posix.join(posix.dirname(file), target)) : target,
        ours,
        typeOnly: /^\s*type\b/.test(groups!.clause!),
      };
    }),
  );
}

function isAllowed({ target, ours, typeOnly }: Import, rule: Rule): boolean {
  if (ours) {
    const fits = (folder: string) => target.startsWith(folder);
    return rule.ours.some(fits) || (typeOnly && (rule.types ?? []).some(fits));
  }
  if (target.startsWith('node:')) return rule.node;
  return rule.packages.some((name) => target === name || target.startsWith(name.endsWith('/') ? name : `${name}/`));
}

describe('the import table', () => {
  const governed = SOURCES.filter((file) => !OUTSIDE.test(file));

  it('has a rule for every file', () => {
    expect(governed.filter((file) => !RULES.some(({ files }) => files.test(file)))).toEqual([]);
    expect(governed.length).toBeGreaterThan(150);
  });

  it('is kept by every import', () => {
    const broken = governed.flatMap((file) => {
      const rule = RULES.find(({ files }) => files.test(file));
      return importsOf(file)
        .filter((one) => rule && !isAllowed(one, rule))
        .map(({ line, target }) => `${file}:${line} imports ${target}`);
    });
    expect(broken).toEqual([]);
  });

  it('sees imports in all their forms', () => {
    const forms = new Map(
      importsOf('edge-agent/radio/load-noble.ts').map(({ target, typeOnly }) => [target, typeOnly]),
    );
    expect(forms.get('@abandonware/noble/with-bindings')).toBe(false);
    expect(forms.get('edge-agent/radio/hci-socket-seed.cjs')).toBe(false);
    expect(forms.get('edge-agent/radio/hci-transport.ts')).toBe(true);
    expect(governed.flatMap(importsOf).length).toBeGreaterThan(600);
  });

  it('gives each heavy engine to one file', () => {
    const users = (name: string) =>
      governed.filter((file) => importsOf(file).some(({ target }) => target === name || target.startsWith(`${name}/`)));
    expect(users('@abandonware/noble')).toEqual(['edge-agent/radio/load-noble.ts']);
    expect(users('@abandonware/bluetooth-hci-socket')).toEqual(['edge-agent/radio/hci-native.ts']);
    expect(users('viem')).toEqual(['ledger-writer/anchor-evm.ts']);
    expect(users('aedes')).toEqual(['ingest-service/broker.ts']);
    expect(users('kafkajs')).toEqual(['journal/kafka/connection.ts']);
    expect(users('csv-parse')).toEqual(['simulators/recording.ts']);
    expect(users('cborg')).toEqual(['protocol/cbor.ts']);
  });

  it('lets only what starts the process choose a journal', () => {
    const choosers = governed.filter((file) =>
      importsOf(file).some(({ target, typeOnly }) => /^journal\/journal-[a-z]+\.ts$/.test(target) && !typeOnly),
    );
    expect(choosers.filter((file) => !/(?:^|\/|-)main\.ts$|^simulators\/world\.ts$/.test(file))).toEqual([]);
  });
});

describe('purity', () => {
  const linesWith = (files: readonly string[], pattern: RegExp) =>
    files.flatMap((file) =>
      textOf(file)
        .split('\n')
        .flatMap((line, i) => (pattern.test(line) && !/^\s*(?:\*|\/\/|\/\*)/.test(line) ? [`${file}:${i + 1}`] : [])),
    );
  const below = (...folders: string[]) => SOURCES.filter((file) => folders.some((folder) => file.startsWith(folder)));

  it('keeps clock, randomness and Node out of what two parties must agree on', () => {
    const impure = /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bperformance\.|\brandomUUID\b|\bgetRandomValues\b/;
    expect(linesWith(below('protocol/', 'ingest-service/consent/', 'ingest-service/fhir/'), impure)).toEqual([]);
    expect(linesWith(below('protocol/'), /\bBuffer\.|\bprocess\.|\b__dirname\b/)).toEqual([]);
  });

  it('shows the environment to config.ts files only', () => {
    const sources = SOURCES.filter((file) => !OUTSIDE.test(file));
    const seen = linesWith(sources, /\bprocess\.env\b|\bimport\.meta\.env\b/);
    expect(seen.filter((place) => !/(?:^|[/-])config\.ts:/.test(place))).toEqual([]);
  });
});

describe('files', () => {
  it('have no more than 400 lines', () => {
    const long = SOURCES.map((file) => ({ file, lines: textOf(file).split('\n').length - 1 }));
    expect(long.filter(({ lines }) => lines > 400)).toEqual([]);
  });

  it('are named for their subject: no barrels, no drawers', () => {
    expect(SOURCES.filter((file) => /(?:^|\/)(?:index|utils?|helpers?|common|misc)\.[a-z]+$/.test(file))).toEqual([]);
    expect(SOURCES.filter((file) => /^export \* from/m.test(textOf(file)))).toEqual([]);
    const kebab = /^(?:[a-z0-9]+(?:-[a-z0-9]+)*)(?:\.[a-z]+)+$/;
    expect(SOURCES.filter((file) => !kebab.test(posix.basename(file)))).toEqual([]);
  });
});
