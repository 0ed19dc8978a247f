/** "Pair a wearable": look around, choose, consent, and watch until the first reading is verified. */
import { useState } from 'preact/hooks';
import type { Grant } from '../shared/answers.ts';
import { serviceNow } from '../shared/service-clock.ts';
import { GatewayCode } from './gateway-code.tsx';
import { HeldList } from './held-list.tsx';
import type { SignerState } from './open-signer.ts';
import { PairConsent } from './pair-consent.tsx';
import { FoundList } from './pair-found.tsx';
import { PairProgress } from './pair-progress.tsx';
import { gatewayTrouble, isUnderWay, type PairingState } from './pairing.ts';
import type { Pairing } from './use-pairing.ts';
import { useUnpair } from './use-unpair.ts';

interface PairCardProps {
  readonly pairing: Pairing;
  readonly grants: readonly Grant[];
  readonly signer: SignerState;
  readonly reload: () => Promise<void>;
}

export function PairCard({ pairing, ...rest }: PairCardProps) {
  const { state, problem } = pairing;
  if (!state) return <p class="quiet">One moment.</p>;
  return (
    <div class="pair" data-testid="pair">
      <PairStage pairing={pairing} state={state} {...rest} />
      {problem !== undefined && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {[...new Set(state.gateways.map(gatewayTrouble))].map(
        (trouble) =>
          trouble !== undefined && (
            <p class="problem" role="status">
              {trouble}
            </p>
          ),
      )}
      <HeldList held={state.held} pairing={pairing} {...rest} />
      <GatewayCode wish={pairing.wish} busy={pairing.busy} first={state.gateways.length === 0} />
    </div>
  );
}

/** One thing at a time. */
function PairStage({ pairing, state, grants, signer, reload }: PairCardProps & { readonly state: PairingState }) {
  const { wish, busy } = pairing;
  const letGo = useUnpair({ pairing, grants, signer, reload });
  const [gateway, setGateway] = useState<string>();
  const [chosen, setChosen] = useState<string>();
  const [watched, setWatched] = useState<string>();
  const { gateways, scans, pairings } = state;
  const using = gateway ?? scans[0]?.gateway ?? gateways[0]?.id;
  const scan = scans.find((one) => one.gateway === using);
  const found = scan?.found.find(({ device }) => device === chosen);
  const current = pairings.find((one) => one.device === watched) ?? pairings.find(isUnderWay);
  if (using === undefined) return <p>No gateway of yours is known yet. Add one to begin.</p>;

  const pair = (device: string, by: string) => async () => {
    if (await wish('pair', { gateway: by, device })) setWatched(device);
  };
  const leave = () => {
    setWatched(undefined);
    setChosen(undefined);
  };
  if (current) {
    return (
      <PairProgress
        pairing={current}
        busy={busy}
        onPasskey={(passkey) => wish('passkey', { device: current.device, passkey })}
        onRetry={pair(current.device, current.gateway)}
        onStop={async () => {
          if (await letGo(current.device)) leave();
        }}
        onDone={leave}
      />
    );
  }
  if (found) {
    const onBack = () => setChosen(undefined);
    const onPair = pair(found.device, using);
    return <PairConsent {...{ found, grants, signer, reload, busy, onPair, onBack }} key={found.device} />;
  }
  const scanning = scan !== undefined && Date.parse(scan.until) > serviceNow();
  return (
    <>
      <p>Wake your wearable and bring it near your gateway. Then let the gateway look around.</p>
      {gateways.length > 1 && (
        <label class="field">
          <span>With which gateway</span>
          <select value={using} onChange={(event) => setGateway(event.currentTarget.value)}>
            {gateways.map(({ id }) => (
              <option key={id} value={id}>
                Gateway {id.slice(0, 8)}
              </option>
            ))}
          </select>
        </label>
      )}
      <button
        type="button"
        class="button button-main"
        data-testid="scan"
        disabled={busy || scanning}
        onClick={() => void wish('scan', { gateway: using })}
      >
        {scanning ? 'Looking…' : 'Look for wearables'}
      </button>
      {scan && <FoundList found={scan.found} scanning={scanning} onChoose={setChosen} />}
    </>
  );
}
