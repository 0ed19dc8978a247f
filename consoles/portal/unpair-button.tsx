/** Lets a wearable go, after a question; the consent that was for it alone ends with it. */
import { useState } from 'preact/hooks';
import { decodeBase32 } from '../../protocol/bytes.ts';
import type { Grant } from '../shared/answers.ts';
import { Dialog } from './dialog.tsx';
import type { SignerState } from './open-signer.ts';
import { useChange } from './use-change.ts';
import type { Pairing } from './use-pairing.ts';

export interface UnpairProps {
  readonly pairing: Pairing;
  readonly grants: readonly Grant[];
  readonly signer: SignerState;
  readonly reload: () => Promise<void>;
}

export function UnpairButton({
  device,
  name,
  ...props
}: UnpairProps & { readonly device: string; readonly name: string }) {
  const { pairing, grants, signer, reload } = props;
  const [asking, setAsking] = useState(false);
  const { make } = useChange(signer.key, reload);

  async function unpair(): Promise<void> {
    if (!(await pairing.wish('unpair', { device }))) return;
    setAsking(false);
    const own = grants.filter((grant) => grant.device === device && grant.revokedAt === undefined);
    for (const { id } of own) await make({ type: 'revoke', grant: decodeBase32(id) });
    await reload();
  }

  return (
    <>
      <button type="button" class="button unpair" data-testid="unpair" onClick={() => setAsking(true)}>
        Unpair<span class="unseen">: {name}</span>
      </button>
      {asking && (
        <Dialog title={`Unpair ${name}?`} onClose={() => setAsking(false)}>
          <p>
            Your gateway stops listening to it, and nothing more is kept, not even what is still on its way. What is in
            your record stays there. You can pair it again at any time.
          </p>
          {pairing.problem && (
            <p class="problem" role="alert">
              {pairing.problem}
            </p>
          )}
          <div class="dialog-actions">
            <button type="button" class="button" onClick={() => setAsking(false)}>
              Keep it
            </button>
            <button
              type="button"
              class="button button-danger-full"
              data-testid="unpair-confirm"
              disabled={pairing.busy}
              onClick={() => void unpair()}
            >
              Unpair
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}
