/** The wearables that a gateway hears: kind, name, signal; each a button. */
import { useRef } from 'preact/hooks';
import { Icon } from '../shared/icons.tsx';
import { type Found, foundName, keepOrder, kindIcon, signalOf } from './pairing.ts';

const BARS = [1, 2, 3, 4] as const;

function SignalBars({ rssi }: { readonly rssi: number }) {
  const { bars, word } = signalOf(rssi);
  return (
    <span class="signal">
      <span class="signal-bars" aria-hidden="true">
        {BARS.map((bar) => (
          <span key={bar} class={`signal-bar signal-bar-${bar}${bar <= bars ? ' signal-bar-on' : ''}`} />
        ))}
      </span>
      <span class="signal-word">
        <span class="unseen">Signal </span>
        {word}
      </span>
    </span>
  );
}

interface FoundItemProps {
  readonly found: Found;
  readonly onChoose: (device: string) => void;
}

function FoundItem({ found, onChoose }: FoundItemProps) {
  const { device, kind, title, rssi, paired, unsupported } = found;
  return (
    <li class="row" data-testid="found" data-device={device}>
      <span class="row-icon">
        <Icon name={kindIcon(kind)} />
      </span>
      <div class="row-text">
        <p class="grant-name">{foundName(found)}</p>
        <p class="quiet">{title}</p>
        <SignalBars rssi={rssi} />
        {unsupported !== undefined && <p class="quiet">{unsupported}</p>}
      </div>
      {paired ? (
        <p class="row-side">paired</p>
      ) : (
        <button
          type="button"
          class="button"
          data-testid="choose"
          disabled={unsupported !== undefined}
          onClick={() => onChoose(device)}
        >
          Choose<span class="unseen">: {foundName(found)}</span>
        </button>
      )}
    </li>
  );
}

interface FoundListProps {
  readonly found: readonly Found[];
  readonly scanning: boolean;
  readonly onChoose: (device: string) => void;
}

export function FoundList({ found, scanning, onChoose }: FoundListProps) {
  const order = useRef<readonly string[]>([]);
  order.current = keepOrder(order.current, found);
  const known = new Map(found.map((one) => [one.device, one]));
  return (
    <div class="pair-found">
      <p class="quiet" role="status">
        {scanning ? 'Looking around. ' : 'Not looking any more. '}
        {found.length === 0 ? 'Nothing heard yet: switch the wearable on and bring it near.' : `${found.length} heard.`}
      </p>
      <ul class="rows">
        {order.current.map((device) => (
          <FoundItem key={device} found={known.get(device)!} onChoose={onChoose} />
        ))}
      </ul>
    </div>
  );
}
