/** Making a change of consent from the page: busy while it runs, and words for how it went. */
import { useState } from 'preact/hooks';
import type { Consent } from '../shared/answers.ts';
import { ApiError, getJson, postJson } from '../shared/api.ts';
import { serviceNow } from '../shared/service-clock.ts';
import { type BrowserKey, signerOf } from './browser-key.ts';
import { type ConsentChange, changeConsent, eventBody } from './consent-change.ts';

const service = {
  consent: () => getJson<Consent>('/api/patient/consent'),
  append: (signed: Uint8Array) => postJson('/api/consent/events', eventBody(signed)),
};

export interface Change {
  readonly busy: boolean;
  /** A sentence when it failed. */
  readonly problem?: string;
  /** True when it was made. */
  make(change: ConsentChange): Promise<boolean>;
}

export function useChange(key: BrowserKey | undefined, reload: () => Promise<void>): Change {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();

  async function make(change: ConsentChange): Promise<boolean> {
    if (!key || busy) return false;
    setBusy(true);
    setProblem(undefined);
    try {
      await changeConsent(service, change, signerOf(key), serviceNow);
      await reload();
      return true;
    } catch (error) {
      setProblem(problemText(error));
      return false;
    } finally {
      setBusy(false);
    }
  }

  return { busy, make, ...(problem !== undefined && { problem }) };
}

function problemText(error: unknown): string {
  if (!(error instanceof ApiError)) return 'Not done: your consent as it was sent here does not hold together.';
  if (error.status === 0)
    return 'Nobody answered, so it is not sure that it was done. Try again: doing it twice does no harm.';
  return error.refused ? 'Not done: you are no longer signed in.' : 'Not done: the service did not take it. Try again.';
}
