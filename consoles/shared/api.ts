/** Requests to the service that served the page. */
import { noteServiceDate } from './service-clock.ts';

/** An answer that is not a success; `status` 0 when there was none at all. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number) {
    super(status === 0 ? 'no answer' : `answered ${status}`);
    this.name = 'ApiError';
    this.status = status;
  }

  /** No session, or not for this person: asking again cannot help. */
  get refused(): boolean {
    return this.status === 401 || this.status === 403 || this.status === 404;
  }
}

/** Throws {@link ApiError}. */
export async function getJson<T>(path: string): Promise<T> {
  const response = await request(path, {});
  return (await response.json()) as T;
}

/** Throws {@link ApiError}. */
export async function postJson(path: string, body: unknown): Promise<void> {
  await request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

/** Posts, and reads the answer. Throws {@link ApiError}. */
export async function postForJson<T>(path: string, body: unknown): Promise<T> {
  const response = await request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return (await response.json()) as T;
}

async function request(path: string, init: RequestInit): Promise<Response> {
  const options: RequestInit = { ...init, cache: 'no-store', credentials: 'same-origin' };
  const response = await fetch(path, options).catch(() => undefined);
  if (!response) throw new ApiError(0);
  noteServiceDate(response.headers.get('date'));
  if (!response.ok) throw new ApiError(response.status);
  return response;
}
