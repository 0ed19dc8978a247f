/** A pairing under way, step by step, until its first reading is verified. */
import { useState } from 'preact/hooks';
import { Badges } from '../shared/badges.tsx';
import { Icon } from '../shared/icons.tsx';
import { Age } from '../shared/times.tsx';
import {
  foundName,
  isUnderWay,
  kindIcon,
  type PairingOf,
  passkeyDigits,
  phaseText,
  STEPS,
  stepsDone,
} from './pairing.ts';

interface PairProgressProps {
  readonly pairing: PairingOf;
  readonly busy: boolean;
  readonly onPasskey: (passkey: number) => Promise<unknown>;
  readonly onRetry: () => Promise<unknown>;
  /** Lets the wearable go: the gateway listens to it no more. */
  readonly onStop: () => Promise<unknown>;
  readonly onDone: () => void;
}

export function PairProgress({ pairing, busy, onPasskey, onRetry, onStop, onDone }: PairProgressProps) {
  const { phase, kind, title, failure, reading } = pairing;
  const done = stepsDone(phase);
  return (
    <div class="pair-progress" data-testid="pairing" data-phase={phase}>
      <div class="pair-device">
        <span class="row-icon">
          <Icon name={kindIcon(kind)} />
        </span>
        <p>
          <strong>{foundName(pairing)}</strong>
          <br />
          {title}
        </p>
      </div>
      <p class="pair-now" role="status" aria-live="polite">
        {phaseText(pairing)}
      </p>
      {phase !== 'failed' && (
        <ol class="steps">
          {STEPS.map((step, i) => (
            <li
              key={step.title}
              class={`step ${i < done ? 'step-done' : i === done ? 'step-now' : 'step-later'}`}
              aria-current={i === done ? 'step' : undefined}
            >
              <Icon name={i < done ? 'check' : 'wait'} />
              <span>{step.title}</span>
              <span class="unseen">{i < done ? ', done' : i === done ? ', now' : ', later'}</span>
            </li>
          ))}
        </ol>
      )}
      {phase === 'passkey' && <PasskeyForm busy={busy} onPasskey={onPasskey} />}
      {reading && (
        <div class="pair-reading" data-testid="first-reading">
          <p>
            {reading.title}, <Age at={reading.measuredAt} />
          </p>
          <Badges standing={reading} />
        </div>
      )}
      {phase === 'failed' && (
        <>
          <ul class="advice" data-testid="pair-failure">
            {(failure?.words ?? []).map((words) => (
              <li key={words}>{words}</li>
            ))}
          </ul>
          <div class="pair-actions">
            <button
              type="button"
              class="button button-main"
              data-testid="pair-retry"
              disabled={busy}
              onClick={() => void onRetry()}
            >
              Try again
            </button>
            <button type="button" class="button" disabled={busy} onClick={() => void onStop()}>
              Choose another
            </button>
          </div>
        </>
      )}
      {isUnderWay(pairing) && (
        <button type="button" class="button" data-testid="pair-stop" disabled={busy} onClick={() => void onStop()}>
          Stop and let it go
        </button>
      )}
      {phase === 'paired' && (
        <button type="button" class="button" data-testid="pair-done" onClick={onDone}>
          Done
        </button>
      )}
    </div>
  );
}

function PasskeyForm({ busy, onPasskey }: Pick<PairProgressProps, 'busy' | 'onPasskey'>) {
  const [digits, setDigits] = useState('');
  return (
    <form
      class="field passkey"
      onSubmit={(event) => {
        event.preventDefault();
        if (digits.length === 6) void onPasskey(Number(digits));
      }}
    >
      <label class="field">
        <span>The six digits on the wearable’s display</span>
        <input
          type="text"
          name="passkey"
          inputMode="numeric"
          autoComplete="one-time-code"
          pattern="[0-9]{6}"
          maxLength={6}
          value={digits}
          data-testid="passkey"
          onInput={(event) => setDigits(passkeyDigits(event.currentTarget.value))}
        />
      </label>
      <button type="submit" class="button button-main" disabled={busy || digits.length !== 6}>
        Send
      </button>
    </form>
  );
}
