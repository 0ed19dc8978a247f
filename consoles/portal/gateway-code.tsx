/** A one-time code, with which a gateway of the patient's own comes to know the service. */
import { useState } from 'preact/hooks';
import { Icon } from '../shared/icons.tsx';
import type { Pairing } from './use-pairing.ts';

interface Code {
  readonly code: string;
  readonly expiresAt: string;
}

export function GatewayCode({ wish, busy, first }: Pick<Pairing, 'wish' | 'busy'> & { readonly first: boolean }) {
  const [code, setCode] = useState<Code>();
  const until = code && new Date(code.expiresAt).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  return (
    <details class="grant-form" data-testid="gateway-code" open={first}>
      <summary>
        <Icon name="plus" />
        Add a gateway
      </summary>
      <div class="pair-consent">
        <p>
          A gateway is the small computer beside you that hears your wearables. Give it this code when it starts for the
          first time; the code works once.
        </p>
        <button
          type="button"
          class="button"
          disabled={busy}
          onClick={async () => setCode(await wish<Code>('gateway-code', {}))}
        >
          Make a code
        </button>
        <p role="status">
          {code && (
            <>
              <code class="pair-code">{code.code}</code> until {until}
            </>
          )}
        </p>
      </div>
    </details>
  );
}
