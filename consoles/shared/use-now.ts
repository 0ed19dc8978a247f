/** The service's time, every second, from one timer for everything that ticks. */
import { useEffect, useState } from 'preact/hooks';
import type { Instant } from '../../protocol/time.ts';
import { serviceNow } from './service-clock.ts';

const TICK_MS = 1000;
const tickers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

export function useNow(): Instant {
  const [now, setNow] = useState(serviceNow);
  useEffect(() => {
    const tick = () => setNow(serviceNow());
    tickers.add(tick);
    timer ??= setInterval(() => {
      for (const each of tickers) each();
    }, TICK_MS);
    return () => {
      tickers.delete(tick);
      if (tickers.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    };
  }, []);
  return now;
}
