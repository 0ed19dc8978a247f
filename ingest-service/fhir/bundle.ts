/** FHIR R4 search results. */
import type { Resource } from './elements.ts';

export interface SearchPage {
  /** Base of the API, without a slash at the end, such as `https://host/fhir/R4`. */
  readonly base: string;
  /** Query of this page as it was understood, without `?`; may be empty. */
  readonly query: string;
  /** Query of the next page; absent on the last. Only what the requester may see makes a next page. */
  readonly nextQuery?: string;
  /** Matches on all pages, counted after consent; absent where nobody counted. */
  readonly total?: number;
  readonly type: string;
  readonly resources: readonly Resource[];
}

export interface Bundle extends Resource {
  readonly resourceType: 'Bundle';
  readonly type: 'searchset' | 'history';
  readonly total?: number;
  readonly link: readonly { readonly relation: 'self' | 'next'; readonly url: string }[];
  readonly entry?: readonly {
    readonly fullUrl: string;
    readonly resource: Resource;
    readonly search?: { readonly mode: 'match' };
    /** FHIR R4 bundle.html: required in a history. */
    readonly request?: { readonly method: 'PUT'; readonly url: string };
    readonly response?: { readonly status: string };
  }[];
}

export function toSearchset({ base, query, nextQuery, total, type, resources }: SearchPage): Bundle {
  const url = (text: string) => `${base}/${type}${text && `?${text}`}`;
  const entry = resources.map((resource) => ({
    fullUrl: `${base}/${resource.resourceType}/${resource.id}`,
    resource,
    search: { mode: 'match' as const },
  }));
  return {
    resourceType: 'Bundle',
    type: 'searchset',
    ...(total !== undefined && { total }),
    link: [
      { relation: 'self', url: url(query) },
      ...(nextQuery === undefined ? [] : [{ relation: 'next' as const, url: url(nextQuery) }]),
    ],
    ...(entry.length > 0 && { entry }),
  };
}

/** Versions of one resource, newest first (FHIR R4 http.html §history). */
export function toHistory(base: string, versions: readonly Resource[]): Bundle {
  const [newest] = versions;
  const url = `${newest?.resourceType}/${newest?.id}`;
  return {
    resourceType: 'Bundle',
    type: 'history',
    total: versions.length,
    link: [{ relation: 'self', url: `${base}/${url}/_history` }],
    entry: versions.map((resource) => ({
      fullUrl: `${base}/${url}`,
      resource,
      request: { method: 'PUT', url },
      response: { status: '200' },
    })),
  };
}
