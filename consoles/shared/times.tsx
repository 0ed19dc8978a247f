/** Instants on a page: exact for machines and on hover, in words for people. */
import { ageText, instantText } from './ages.ts';
import { useNow } from './use-now.ts';

/** "12 s ago", ticking. */
export function Age({ at }: { readonly at: string }) {
  const now = useNow();
  const instant = Date.parse(at);
  return (
    <time dateTime={at} title={instantText(instant, now)}>
      {ageText(instant, now)}
    </time>
  );
}

/** "today, 14:02". */
export function Moment({ at }: { readonly at: string }) {
  const now = useNow();
  return (
    <time dateTime={at} title={at}>
      {instantText(Date.parse(at), now)}
    </time>
  );
}
