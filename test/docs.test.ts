/** What the documents promise about the code: every cited standard is listed, and the format page leaves nothing out. */
import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DOMAINS } from '../protocol/domains.ts';
import { QUALITY_FLAGS } from '../protocol/gatt/quality.ts';
import { allVitalSigns } from '../protocol/vital-signs.ts';

const ROOT = new URL('../', import.meta.url).pathname;
const FOLDERS =
  '{protocol,journal,edge-agent,ingest-service,ledger-writer,verifier,consoles,simulators,bench,docs,deploy,test}';

const files = globSync(`${FOLDERS}/**/*.{ts,tsx,md,sql,sol}`, { cwd: ROOT })
  .filter((file) => !/(^|\/)(node_modules|dist)\//.test(file))
  .map((file) => ({ file, text: read(file) }));
const format = read('docs/format.md');
const listed = [...read('docs/specs.md').matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name!);

function read(file: string): string {
  return readFileSync(`${ROOT}${file}`, 'utf8');
}

/** How standards are cited. A citation is listed when a short name is the whole of it or its first words. */
const CITATIONS = [
  /\bRFC \d+/g,
  /\bC2SP [a-z]+-[a-z-]+/g,
  /\b(?!BY )[A-Z]{2,5} \d+(?:\.\d+)+/g, // BY 4.0 is a license
  /\bNIST SP [\d-]+[A-Z]?/g,
  /\bCore \d\.\d/g,
  /\b11073-\d{5}\b/g,
  /\b(?:ECMA-\d+|WHATWG [A-Z]+|FHIR R\d|HL7 v\d)/g,
  /\b(?:GSS|HRS|BLS|HTS|PLXS|CGMS|BAS|DIS|PHD|LOINC|UCUM)\b/g,
];

function isListed(citation: string): boolean {
  return listed.some((name) => citation === name || citation.startsWith(`${name} `));
}

describe('docs/specs.md', () => {
  it('lists every standard that is cited', () => {
    const missing = files.flatMap(({ file, text }) => {
      const citations = CITATIONS.flatMap((pattern) => [...text.matchAll(pattern)].map(([citation]) => citation));
      return [...new Set(citations)]
        .filter((citation) => !isListed(citation))
        .map((citation) => `${file}: ${citation}`);
    });
    expect(missing).toEqual([]);
  });

  it('is behind every clause: a file that cites one names its standard', () => {
    const unnamed = files.filter(({ file, text }) => {
      if (file === 'docs/format.md' || file === 'test/docs.test.ts' || !text.includes('§')) return false;
      return !text.includes('format.md §') && !listed.some((name) => text.includes(name));
    });
    expect(unnamed.map(({ file }) => file)).toEqual([]);
  });

  it('lists nothing twice', () => {
    expect(listed.length).toBeGreaterThan(30);
    expect(new Set(listed).size).toBe(listed.length);
  });
});

describe('docs/format.md', () => {
  const section = (number: number) => format.slice(format.indexOf(`\n## §${number} `), endOf(number));
  function endOf(number: number): number {
    const next = format.indexOf(`\n## §${number + 1} `);
    return next < 0 ? format.length : next;
  }

  it('has every section that comments speak of', () => {
    for (const { file, text } of files) {
      for (const [, number] of text.matchAll(/format\.md §(\d+)/g)) {
        expect(format, `${file} cites §${number}`).toContain(`\n## §${number} `);
      }
    }
    for (const [, cited] of format.matchAll(/[ (]§(\d+\.\d+)[);,]/g)) {
      if (format.includes(`\n### §${cited} `)) continue;
      expect(cited, 'a section that is not there').toMatch(/^(2\.1|4\.2|4\.4|3\.4)/); // of a cited standard
    }
  });

  it('explains every error code, and no other', () => {
    const union = /export type FaultCode =([^;]+);/.exec(read('protocol/fault.ts'))![1]!;
    const codes = [...union.matchAll(/'([a-z-]+)'/g)].map(([, code]) => code);
    const explained = [...section(10).matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, code]) => code);
    expect(explained.toSorted()).toEqual(codes.toSorted());
  });

  it('lists every domain label, quality flag and vital sign', () => {
    for (const label of Object.values(DOMAINS)) expect(section(2)).toContain(`| \`${label}\` |`);
    for (const flag of Object.keys(QUALITY_FLAGS)) expect(section(4)).toContain(`| \`${flag}\` |`);
    for (const { name, mdc, plausible, components } of allVitalSigns()) {
      const ranges = Object.entries(plausible).map(([unit, { low, high }]) => `${low}..${high} \`${unit}\``);
      expect(section(4)).toContain(`| ${name} | ${mdc} | ${components ? 'its parts' : ranges.join(', ')} |`);
    }
  });
});
