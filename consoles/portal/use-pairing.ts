/** Asks how pairing stands, every second while something is under way, and sends what the patient wants. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, getJson, postForJson } from '../shared/api.ts';
import { serviceNow } from '../shared/service-clock.ts';
import { isUnderWay, type PairingState } from './pairing.ts';

const BUSY_MS = 1000;
const IDLE_MS = 15_000;

export interface Pairing {
  /** Absent until the service has answered. */
  readonly state?: PairingState;
  readonly busy: boolean;
  /** A sentence when the last wish failed. */
  readonly problem?: string;
  /** The answer, or undefined when it failed. */
  wish<T>(path: string, body: object): Promise<T | undefined>;
}

export function usePairing(onPaired: () => void): Pairing {
  const [state, setState] = useState<PairingState>();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const paired = useRef<number>(undefined);

  const look = useCallback(async () => {
    // What fails is asked again; the page says that the connection is lost.
    const next = await getJson<PairingState>('/api/pairing').catch(() => undefined);
    if (!next) return;
    setState(next);
    const count = next.pairings.filter(({ phase }) => phase === 'paired').length;
    if (paired.current !== undefined && count > paired.current) onPaired();
    paired.current = count;
  }, [onPaired]);

  const active =
    state?.pairings.some(isUnderWay) || state?.scans.some(({ until }) => Date.parse(until) > serviceNow()) || false;
  useEffect(() => {
    void look();
    const timer = setInterval(() => document.visibilityState === 'visible' && void look(), active ? BUSY_MS : IDLE_MS);
    return () => clearInterval(timer);
  }, [look, active]);

  async function wish<T>(path: string, body: object): Promise<T | undefined> {
    setBusy(true);
    setProblem(undefined);
    try {
      const answer = await postForJson<T>(`/api/pairing/${path}`, body);
      await look();
      return answer;
    } catch (error) {
      setProblem(problemText(error));
      return undefined;
    } finally {
      setBusy(false);
    }
  }

  return { busy, wish, ...(state && { state }), ...(problem !== undefined && { problem }) };
}

function problemText(error: unknown): string {
  const status = error instanceof ApiError ? error.status : 0;
  if (status === 503)
    return 'Not now: your gateway is not connected, or this was asked too often. Try again in a minute.';
  if (status === 404) return 'That wearable is not there any more. Look again.';
  if (status === 409) return 'Your consent to collect from this wearable comes first.';
  return 'Nobody answered. Try again.';
}
