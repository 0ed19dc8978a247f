/** Erases everything of the patient, after a question that takes more than a click; and what is left to say afterward. */
import { useEffect, useState } from 'preact/hooks';
import type { Connection } from '../shared/live.ts';
import { PageFrame } from '../shared/page-frame.tsx';
import { signerOf } from './browser-key.ts';
import { Dialog } from './dialog.tsx';
import { certificatePath, ERASE_WORD, eraseRecord, isCertified } from './erase-record.ts';
import type { SignerState } from './open-signer.ts';
import { PHASES } from './signer-strip.tsx';

interface EraseCardProps {
  readonly signer: SignerState;
  readonly onErased: (erasure: string) => void;
}

export function EraseCard({ signer, onErased }: EraseCardProps) {
  const [asking, setAsking] = useState(false);
  const ready = signer.phase === 'ready';
  return (
    <>
      <p>
        You can have everything that is kept of you destroyed: readings, devices, grants, the list of who saw what, and
        the keys to all of it. Nobody can bring it back, and you can take a signed certificate of it away.
      </p>
      <button
        type="button"
        class="button button-danger"
        data-testid="erase"
        disabled={!ready}
        aria-describedby={ready ? undefined : 'erase-wait'}
        onClick={() => setAsking(true)}
      >
        Erase my record
      </button>
      {!ready && (
        <p id="erase-wait" class="revoke-wait">
          {PHASES[signer.phase].title}
        </p>
      )}
      {asking && <EraseDialog signer={signer} onErased={onErased} onClose={() => setAsking(false)} />}
    </>
  );
}

function EraseDialog({ signer, onErased, onClose }: EraseCardProps & { readonly onClose: () => void }) {
  const [word, setWord] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();

  async function erase(): Promise<void> {
    if (!signer.key || busy) return;
    setBusy(true);
    try {
      onErased(await eraseRecord(signerOf(signer.key)));
    } catch {
      setProblem('It is not sure that it was done. Load this page again: if you are asked to sign in, it was.');
      setBusy(false);
    }
  }

  return (
    <Dialog title="Erase everything, for good?" onClose={onClose}>
      <p>
        Every reading, device, grant and note of who saw what is destroyed, with its keys, and your gateways forget you.
        Your care team sees nothing of you any more. This cannot be undone, by you or by anybody.
      </p>
      <p>Receipts that you or others have taken away stay with whoever has them, and stay true.</p>
      <label class="field">
        <span>Type {ERASE_WORD} to go on</span>
        <input
          type="text"
          autocomplete="off"
          data-testid="erase-word"
          value={word}
          onInput={(event) => setWord(event.currentTarget.value)}
        />
      </label>
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <div class="dialog-actions">
        <button type="button" class="button" data-testid="erase-cancel" onClick={onClose}>
          Keep my record
        </button>
        <button
          type="button"
          class="button button-danger-full"
          data-testid="erase-confirm"
          disabled={busy || word.trim() !== ERASE_WORD}
          onClick={() => void erase()}
        >
          {busy ? 'Erasing…' : 'Erase for good'}
        </button>
      </div>
    </Dialog>
  );
}

const POLL_MS = 1000;

/** In the place of the page, which has nothing to show any more. */
export function Erased({ erasure, connection }: { readonly erasure: string; readonly connection: Connection }) {
  const [certified, setCertified] = useState(false);
  useEffect(() => {
    if (certified) return;
    const timer = setInterval(() => void isCertified(erasure).then((is) => is && setCertified(true)), POLL_MS);
    return () => clearInterval(timer);
  }, [erasure, certified]);
  return (
    <PageFrame title="Your record" connection={connection}>
      <section class="card section" aria-label="Erased" data-testid="erased">
        <h1>Your record is erased</h1>
        <p aria-live="polite">
          {certified
            ? 'Everything was looked through, and nothing of you was found.'
            : 'The keys are destroyed. Every store is being looked through for what may be left…'}
        </p>
        {certified && (
          <p>
            <a class="button" href={certificatePath(erasure)} download="erasure.json" data-testid="erasure-certificate">
              Download the certificate
            </a>
          </p>
        )}
        <p>
          Note this number; it is the only way to the certificate, also to a newer one once all your gateways have
          confirmed: <code data-testid="erasure-id">{erasure}</code>
        </p>
      </section>
    </PageFrame>
  );
}
