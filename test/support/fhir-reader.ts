/** Reads Observations as a FHIR client does: page after page by the server's own links, numbers with their decimals. */
import type { Session } from './test-world.ts';

/** As far as tests look at it; `value` is the text that stood in the JSON. */
export interface ReadObservation {
  readonly id: string;
  readonly effectiveDateTime: string;
  readonly valueQuantity?: { readonly value: string; readonly code: string };
  readonly code: { readonly coding: readonly { readonly system: string; readonly code: string }[] };
  readonly subject: { readonly reference: string };
  readonly meta: { readonly security?: readonly { readonly code: string }[] };
}

export interface ReadPage {
  readonly observations: readonly ReadObservation[];
  /** Path of the next page. */
  readonly next?: string;
}

/** Parses a searchset; JSON.parse would turn `36.70` into 36.7, so numbers stay text. */
export function parsePage(body: string): ReadPage {
  const keepDecimals = (_key: string, value: unknown, { source }: { source?: string }) =>
    typeof value === 'number' ? source : value;
  // ECMA-262 JSON.parse source text access: not yet in the type of JSON.parse.
  const parse = JSON.parse as (text: string, reviver: typeof keepDecimals) => unknown;
  const bundle = parse(body, keepDecimals) as {
    link: { relation: string; url: string }[];
    entry?: { resource: ReadObservation }[];
  };
  const next = bundle.link.find(({ relation }) => relation === 'next')?.url;
  return {
    observations: (bundle.entry ?? []).map(({ resource }) => resource),
    ...(next !== undefined && { next: new URL(next).pathname + new URL(next).search }),
  };
}

/** All pages of a search, such as `patient=x&_count=500`. */
export async function searchAll(session: Session, query: string): Promise<{ found: ReadObservation[]; pages: number }> {
  const found: ReadObservation[] = [];
  let pages = 0;
  for (let path: string | undefined = `/fhir/R4/Observation?${query}`; path !== undefined; pages++) {
    const { status, body } = await session.get(path);
    if (status !== 200) throw new Error(`search answered ${status}`);
    const page = parsePage(body);
    found.push(...page.observations);
    path = page.next;
  }
  return { found, pages };
}
