/** Who has seen what. Others first of all; the patient's own visits are there too, on request. */
import { useState } from 'preact/hooks';
import type { Disclosure } from '../shared/answers.ts';
import { getJson } from '../shared/api.ts';
import { Icon } from '../shared/icons.tsx';
import { Empty } from '../shared/page-frame.tsx';
import { Moment } from '../shared/times.tsx';
import { countText } from '../shared/words.ts';
import { actText, isOwn, whoText } from './disclosure-text.ts';
import { purposesText } from './grants.ts';

function Entry({ entry }: { readonly entry: Disclosure }) {
  const { kind, at, who, purpose, role } = entry;
  const denied = kind === 'denied';
  return (
    <li
      class={`row disclosure${denied ? ' disclosure-denied' : ''}`}
      data-testid="disclosure"
      data-kind={kind}
      data-role={role}
    >
      <span class="row-icon">
        <Icon name={denied ? 'refused' : 'eye'} />
      </span>
      <div class="row-text">
        <p>
          <strong>{whoText(entry)}</strong>
          {who.occupation && <span class="quiet"> · {who.occupation}</span>} {actText(entry)}
        </p>
        {!isOwn(entry) && <p class="quiet">For {purposesText([purpose])}</p>}
      </div>
      <p class="row-side">
        <Moment at={at} />
      </p>
    </li>
  );
}

interface DisclosuresProps {
  /** Newest first. */
  readonly newest: readonly Disclosure[];
}

export function Disclosures({ newest }: DisclosuresProps) {
  const [own, setOwn] = useState(false);
  const [older, setOlder] = useState<readonly Disclosure[]>();
  const all = merge(newest, older ?? []);
  const shown = own ? all : all.filter((entry) => !isOwn(entry));
  const hidden = all.length - shown.length;
  const mayBeMore = older === undefined && (newest.at(-1)?.seq ?? 1) > 1;

  async function showAll(): Promise<void> {
    const answer = await getJson<{ disclosures: readonly Disclosure[] }>('/api/patient/disclosures').catch(
      () => undefined,
    );
    if (answer) setOlder(answer.disclosures);
  }

  return (
    <>
      <label class="choice own-visits">
        <input type="checkbox" checked={own} onChange={(event) => setOwn(event.currentTarget.checked)} />
        Show my own visits{hidden > 0 && ` (${countText(hidden, 'entry', 'entries')})`}
      </label>
      {shown.length === 0 ? (
        <Empty icon="eye">Nobody else has seen anything yet.</Empty>
      ) : (
        <ul class="rows">
          {shown.map((entry) => (
            <Entry key={entry.seq} entry={entry} />
          ))}
        </ul>
      )}
      {mayBeMore && (
        <button type="button" class="button" data-testid="disclosures-all" onClick={showAll}>
          Show all entries
        </button>
      )}
    </>
  );
}

function merge(newest: readonly Disclosure[], older: readonly Disclosure[]): readonly Disclosure[] {
  const oldest = newest.at(-1)?.seq ?? Number.POSITIVE_INFINITY;
  return [...newest, ...older.filter(({ seq }) => seq < oldest)];
}
