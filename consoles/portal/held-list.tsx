/** Measurements of users of a device whom nobody knows: shown as a count, and never guessed whose they are. */
import type { Grant } from '../shared/answers.ts';
import { Icon } from '../shared/icons.tsx';
import type { SignerState } from './open-signer.ts';
import { type HeldMeasurements, heldText, isClaimable } from './pairing.ts';
import { useCollectConsent } from './use-collect-consent.ts';
import type { Pairing } from './use-pairing.ts';

interface HeldProps {
  readonly pairing: Pairing;
  readonly grants: readonly Grant[];
  readonly signer: SignerState;
  readonly reload: () => Promise<void>;
}

function HeldItem({ held, pairing, grants, signer, reload }: HeldProps & { readonly held: HeldMeasurements }) {
  const { gateway, device, userIndex } = held;
  const consent = useCollectConsent(device, grants, signer, reload);
  return (
    <li class="row" data-testid="held">
      <span class="row-icon">
        <Icon name="inbox" />
      </span>
      <div class="row-text">
        <p>{heldText(held)}</p>
        {isClaimable(held) && (
          <p class="quiet">
            If you say so, they go into your record, and what this user measures from now on too: that is your consent
            to collect it, until you revoke it.
          </p>
        )}
        {consent.problem && (
          <p class="problem" role="alert">
            {consent.problem}
          </p>
        )}
      </div>
      {isClaimable(held) && (
        <button
          type="button"
          class="button"
          data-testid="claim"
          disabled={pairing.busy || consent.busy || !consent.ready}
          onClick={async () => {
            if (await consent.ensure()) await pairing.wish('claim', { gateway, device, userIndex });
          }}
        >
          {consent.covered ? 'They are mine' : 'Sign: they are mine'}
        </button>
      )}
    </li>
  );
}

export function HeldList({ held, ...props }: HeldProps & { readonly held: readonly HeldMeasurements[] }) {
  if (held.length === 0) return null;
  return (
    <ul class="rows">
      {held.map((one) => (
        <HeldItem key={`${one.gateway} ${one.device} ${one.userIndex}`} held={one} {...props} />
      ))}
    </ul>
  );
}
