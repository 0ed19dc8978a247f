/**
 * How this browser comes to sign for the patient: it has a key that her consent names, or it asks for one to be named.
 * The asking goes to her own keyring, which checks that whoever asks holds the sign-in link; the service only carries it.
 */
import type { Consent } from '../shared/answers.ts';
import { type BrowserKey, isAmong, type KeyRequest } from './browser-key.ts';

export type SignerPhase =
  | 'checking'
  /** Asked; the keyring has not answered yet. */
  | 'waiting'
  | 'ready'
  /** Asked, and nobody answered in time. */
  | 'unanswered'
  /** No key that may sign, and no link to ask with. */
  | 'absent'
  /** The browser cannot make such a key. */
  | 'unsupported';

export interface SignerState {
  readonly phase: SignerPhase;
  readonly key?: BrowserKey;
}

export interface SignerEngines {
  load(subject: string): Promise<BrowserKey | undefined>;
  keep(subject: string, key: BrowserKey): Promise<void>;
  create(): Promise<BrowserKey | undefined>;
  prove(key: BrowserKey): Promise<KeyRequest>;
  request(request: KeyRequest): Promise<void>;
  /** Keys that may sign now. */
  keys(): Promise<readonly string[]>;
  pause(): Promise<void>;
  show(state: SignerState): void;
}

export const POLLS = 30;

/** `mayAsk`: the page was opened with a link's secret. Every state is shown; the last one is final. */
export async function openSigner(consent: Consent, mayAsk: boolean, engines: SignerEngines): Promise<void> {
  const { show } = engines;
  const kept = await engines.load(consent.subject);
  if (kept && isAmong(kept, consent.keys)) return show({ phase: 'ready', key: kept });
  if (!mayAsk) return show({ phase: 'absent', ...(kept && { key: kept }) });
  // A kept key that is not named was taken out or never let in: it does not come back, so a new one is made.
  const key = await engines.create();
  if (!key) return show({ phase: 'unsupported' });
  await engines.keep(consent.subject, key);
  show({ phase: 'waiting', key });
  try {
    await engines.request(await engines.prove(key));
  } catch {
    return show({ phase: 'unanswered', key });
  }
  for (let poll = 0; poll < POLLS; poll++) {
    await engines.pause();
    const keys = await engines.keys().catch(() => []);
    if (isAmong(key, keys)) return show({ phase: 'ready', key });
  }
  show({ phase: 'unanswered', key });
}

/** The state as consent stands now: an answer may come late, and a key can be taken out at any time. */
export function currentSigner({ phase, key }: SignerState, keys: readonly string[]): SignerState {
  if (key === undefined) return { phase };
  if (isAmong(key, keys)) return { phase: 'ready', key };
  return phase === 'ready' ? { phase: 'absent' } : { phase, key };
}
