/** {@link createLive} for a page, as long as it is shown. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { openFeed } from './feed.ts';
import { createLive, type Live, type LiveOptions, type LiveState } from './live.ts';

/** `load` and `apply` must be the same functions at every call. */
export function useLive<T>({ load, apply }: Pick<LiveOptions<T>, 'load' | 'apply'>): LiveState<T> & {
  readonly reload: () => Promise<void>;
} {
  const [state, setState] = useState<LiveState<T>>({ connection: 'connecting', refused: false });
  const live = useRef<Live>(null);
  useEffect(() => {
    const opened = createLive({ load, apply, openFeed, show: setState });
    live.current = opened;
    return () => opened.close();
  }, [load, apply]);
  const reload = useCallback(async () => live.current?.reload(), []);
  return { ...state, reload };
}
