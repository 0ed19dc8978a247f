/** Revokes one grant, after a question in plain words. */
import { useState } from 'preact/hooks';
import { decodeBase32 } from '../../protocol/bytes.ts';
import type { Device, Grant } from '../shared/answers.ts';
import { Dialog } from './dialog.tsx';
import { revokeQuestion } from './grants.ts';
import type { SignerState } from './open-signer.ts';
import { PHASES } from './signer-strip.tsx';
import { useChange } from './use-change.ts';

export interface RevokeProps {
  readonly grant: Grant;
  readonly devices: readonly Device[];
  readonly signer: SignerState;
  readonly reload: () => Promise<void>;
  readonly onRevoked: () => void;
}

export function RevokeButton({ grant, devices, signer, reload, onRevoked }: RevokeProps) {
  const [asking, setAsking] = useState(false);
  const { busy, problem, make } = useChange(signer.key, reload);
  const { title, body } = revokeQuestion(grant, devices);
  const ready = signer.phase === 'ready';
  const reason = `reason-${grant.id}`;
  return (
    <div class="revoke">
      <button
        type="button"
        class="button button-danger"
        data-testid="revoke"
        disabled={!ready}
        aria-describedby={ready ? undefined : reason}
        onClick={() => setAsking(true)}
      >
        Revoke<span class="unseen">: {title}</span>
      </button>
      {!ready && (
        <p id={reason} class="revoke-wait">
          {PHASES[signer.phase].title}
        </p>
      )}
      {asking && (
        <Dialog title={title} onClose={() => setAsking(false)}>
          <p>{body}</p>
          {problem && (
            <p class="problem" role="alert">
              {problem}
            </p>
          )}
          <div class="dialog-actions">
            <button type="button" class="button" data-testid="revoke-cancel" onClick={() => setAsking(false)}>
              Keep as it is
            </button>
            <button
              type="button"
              class="button button-danger-full"
              data-testid="revoke-confirm"
              disabled={busy}
              onClick={async () => {
                const made = await make({ type: 'revoke', grant: decodeBase32(grant.id) });
                if (!made) return;
                setAsking(false);
                onRevoked();
              }}
            >
              {busy ? 'Revoking…' : 'Revoke'}
            </button>
          </div>
        </Dialog>
      )}
    </div>
  );
}
