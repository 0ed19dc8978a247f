/** Lets a wearable go, after a question. */
import { useState } from 'preact/hooks';
import { Dialog } from './dialog.tsx';
import { type UnpairDeps, useUnpair } from './use-unpair.ts';

export function UnpairButton({
  device,
  name,
  ...deps
}: UnpairDeps & { readonly device: string; readonly name: string }) {
  const { pairing } = deps;
  const [asking, setAsking] = useState(false);
  const letGo = useUnpair(deps);

  async function unpair(): Promise<void> {
    if (await letGo(device)) setAsking(false);
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
