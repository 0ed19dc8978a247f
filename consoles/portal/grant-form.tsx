/** Lets somebody see: who, and which vital signs. Signed here like every change. */
import { useState } from 'preact/hooks';
import type { DiscloseTerms } from '../../protocol/consent-event.ts';
import type { Person } from '../shared/answers.ts';
import { Icon } from '../shared/icons.tsx';
import { serviceNow } from '../shared/service-clock.ts';
import { grantableSigns } from './classes.ts';
import { personText } from './grants.ts';
import type { SignerState } from './open-signer.ts';
import { PHASES } from './signer-strip.tsx';
import { useChange } from './use-change.ts';

interface GrantFormProps {
  readonly staff: readonly Person[];
  /** Vital signs that were measured: chosen to begin with. */
  readonly measured: readonly string[];
  readonly signer: SignerState;
  readonly reload: () => Promise<void>;
}

function treatmentTerms(grantee: string, classes: readonly string[]): DiscloseTerms {
  return { action: 'disclose', grantee, classes, purposes: ['TREAT'], period: { from: serviceNow() } };
}

const newGrantId = () => crypto.getRandomValues(new Uint8Array(16));

export function GrantForm({ staff, measured, signer, reload }: GrantFormProps) {
  const [grantee, setGrantee] = useState('');
  const [changed, setChanged] = useState<Readonly<Record<string, boolean>>>({});
  const [grant, setGrant] = useState(newGrantId);
  const [done, setDone] = useState('');
  const { busy, problem, make } = useChange(signer.key, reload);
  const ready = signer.phase === 'ready';
  const isChosen = (name: string) => changed[name] ?? measured.includes(name);
  const classes = grantableSigns()
    .map(({ name }) => name)
    .filter(isChosen);
  const person = staff.find(({ id }) => id === grantee);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (!ready || !person || classes.length === 0) return;
    setDone('');
    // The id stays the same until it worked, so that trying again cannot grant twice.
    if (!(await make({ type: 'grant', grant, terms: treatmentTerms(grantee, classes) }))) return;
    setGrant(newGrantId());
    setGrantee('');
    setChanged({});
    setDone(`${personText(person)} may see from now on.`);
  }

  return (
    <details class="grant-form" data-testid="grant-form">
      <summary>
        <Icon name="plus" />
        Let someone see
      </summary>
      <form onSubmit={submit}>
        <label class="field">
          <span>Who</span>
          <select value={grantee} data-testid="grantee" onChange={(event) => setGrantee(event.currentTarget.value)}>
            <option value="">Choose a person</option>
            {staff.map((each) => (
              <option key={each.id} value={each.id}>
                {personText(each)}
                {each.occupation && `, ${each.occupation}`}
              </option>
            ))}
          </select>
        </label>
        <fieldset class="field">
          <legend>May see</legend>
          <div class="choices">
            {grantableSigns().map(({ name, title }) => (
              <label key={name} class="choice">
                <input
                  type="checkbox"
                  name={name}
                  checked={isChosen(name)}
                  onChange={(event) => setChanged({ ...changed, [name]: event.currentTarget.checked })}
                />
                {title}
              </label>
            ))}
          </div>
        </fieldset>
        <p class="quiet">For treatment, from now until you revoke it.</p>
        {problem && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <button
          type="submit"
          class="button button-main"
          data-testid="grant-submit"
          disabled={!ready || busy || !person || classes.length === 0}
        >
          {busy ? 'Signing…' : 'Sign and let see'}
        </button>
        {!ready && <p class="revoke-wait">{PHASES[signer.phase].title}</p>}
        <p class="done" role="status">
          {done}
        </p>
      </form>
    </details>
  );
}
