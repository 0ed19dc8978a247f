/** The chosen wearable: what to do with it, and the patient's consent to collect from it, signed here. */
import { useState } from 'preact/hooks';
import type { Grant } from '../shared/answers.ts';
import { Icon } from '../shared/icons.tsx';
import type { SignerState } from './open-signer.ts';
import { type Found, foundName, kindIcon } from './pairing.ts';
import { PHASES } from './signer-strip.tsx';
import { useCollectConsent } from './use-collect-consent.ts';

interface PairConsentProps {
  readonly found: Found;
  readonly grants: readonly Grant[];
  readonly signer: SignerState;
  readonly reload: () => Promise<void>;
  readonly busy: boolean;
  readonly onPair: () => Promise<unknown>;
  readonly onBack: () => void;
}

export function PairConsent({ found, grants, signer, reload, busy, onPair, onBack }: PairConsentProps) {
  const [agreed, setAgreed] = useState(false);
  const consent = useCollectConsent(found.device, grants, signer, reload);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (agreed && consent.ready && (await consent.ensure())) await onPair();
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
      {consent.problem && (
        <p class="problem" role="alert">
          {consent.problem}
        </p>
      )}
      <div class="pair-actions">
        <button
          type="submit"
          class="button button-main"
          data-testid="pair-submit"
          disabled={!agreed || !consent.ready || busy || consent.busy}
        >
          {consent.covered ? 'Pair' : 'Sign and pair'}
        </button>
        <button type="button" class="button" onClick={onBack}>
          Choose another
        </button>
      </div>
      {!consent.ready && <p class="revoke-wait">{PHASES[signer.phase].title}</p>}
    </form>
  );
}
