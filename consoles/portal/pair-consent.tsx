/** The chosen wearable: what to do with it, and the patient's consent to collect from it, signed here. */
import { useState } from 'preact/hooks';
import { decodeHex } from '../../protocol/bytes.ts';
import { ALL_CLASSES } from '../../protocol/consent-event.ts';
import type { Grant } from '../shared/answers.ts';
import { Icon } from '../shared/icons.tsx';
import { serviceNow } from '../shared/service-clock.ts';
import { isStanding } from './grants.ts';
import type { SignerState } from './open-signer.ts';
import { type Found, foundName, kindIcon } from './pairing.ts';
import { PHASES } from './signer-strip.tsx';
import { useChange } from './use-change.ts';

interface PairConsentProps {
  readonly found: Found;
  readonly grants: readonly Grant[];
  readonly signer: SignerState;
  readonly reload: () => Promise<void>;
  readonly busy: boolean;
  readonly onPair: () => Promise<unknown>;
  readonly onBack: () => void;
}

/** True when a grant in force lets everything of this device be collected already. */
function isCovered(grants: readonly Grant[], device: string): boolean {
  return grants.some(
    (grant) =>
      grant.action === 'collect' &&
      isStanding(grant, serviceNow()) &&
      (grant.device === undefined || grant.device === device),
  );
}

export function PairConsent({ found, grants, signer, reload, busy, onPair, onBack }: PairConsentProps) {
  const [agreed, setAgreed] = useState(false);
  const [grant] = useState(() => crypto.getRandomValues(new Uint8Array(16)));
  const change = useChange(signer.key, reload);
  const covered = isCovered(grants, found.device);
  const ready = covered || signer.phase === 'ready';

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (!agreed || !ready) return;
    if (!covered) {
      const terms = { classes: [ALL_CLASSES], device: decodeHex(found.device), period: { from: serviceNow() } };
      // The id stays the same until it worked, so that trying again cannot grant twice.
      if (!(await change.make({ type: 'grant', grant, terms: { action: 'collect', ...terms } }))) return;
    }
    await onPair();
  }

  return (
    <form class="pair-consent" onSubmit={submit} data-testid="pair-consent">
      <div class="pair-device">
        <span class="row-icon">
          <Icon name={kindIcon(found.kind)} />
        </span>
        <p>
          <strong>{foundName(found)}</strong>
          <br />
          {found.title}
        </p>
      </div>
      {found.advice.length > 0 && (
        <ul class="advice">
          {found.advice.map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
      )}
      <p>
        This wearable measures your body. If you consent, your gateway keeps what it measures and Veravita puts it into
        your record, from now until you revoke it. Nobody else sees it unless you let them. You can unpair it, or revoke
        your consent, at any time.
      </p>
      <label class="choice">
        <input
          type="checkbox"
          name="consent"
          data-testid="pair-agree"
          checked={agreed}
          onChange={(event) => setAgreed(event.currentTarget.checked)}
        />
        It is mine, and I consent to collecting what it measures
      </label>
      {change.problem && (
        <p class="problem" role="alert">
          {change.problem}
        </p>
      )}
      <div class="pair-actions">
        <button
          type="submit"
          class="button button-main"
          data-testid="pair-submit"
          disabled={!agreed || !ready || busy || change.busy}
        >
          {covered ? 'Pair' : 'Sign and pair'}
        </button>
        <button type="button" class="button" onClick={onBack}>
          Choose another
        </button>
      </div>
      {!ready && <p class="revoke-wait">{PHASES[signer.phase].title}</p>}
    </form>
  );
}
