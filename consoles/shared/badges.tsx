/** How far a reading is proven: badges, each told by icon, word and label, never by color alone. */
import type { Standing } from './answers.ts';
import { Icon, type IconName } from './icons.tsx';

type BadgeState = 'yes' | 'no' | 'waiting';

const ICONS: Readonly<Record<BadgeState, IconName>> = { yes: 'check', no: 'cross', waiting: 'wait' };

interface BadgeProps {
  readonly test: string;
  readonly state: BadgeState;
  readonly word: string;
  readonly label: string;
}

function Badge({ test, state, word, label }: BadgeProps) {
  return (
    <li class={`badge badge-${state}`} data-testid={test} data-state={state} title={label}>
      <Icon name={ICONS[state]} />
      <span aria-hidden="true">{word}</span>
      <span class="unseen">{label}</span>
    </li>
  );
}

export function Badges({ standing: { signed, inTree, inLog, anchors } }: { readonly standing: Standing }) {
  return (
    <ul class="badges" aria-label="Proof">
      <Badge
        test="badge-signed"
        state={signed ? 'yes' : 'no'}
        word={signed ? 'Signed' : 'Not signed'}
        label={signed ? 'Signed by the gateway that heard it' : 'The signature of the gateway does not hold'}
      />
      <Badge
        test="badge-tree"
        state={inTree ? 'yes' : 'no'}
        word={inTree ? 'In tree' : 'Not in tree'}
        label={inTree ? 'In the tree that the gateway signed' : 'Not in the tree that the gateway signed'}
      />
      <Badge
        test="badge-log"
        state={inLog ? 'yes' : 'waiting'}
        word={inLog ? 'In log' : 'Log soon'}
        label={
          inLog ? 'In the log: a signed checkpoint covers it' : 'Not yet in the log: waits for the next checkpoint'
        }
      />
      {anchors && (
        <Badge
          test="badge-anchors"
          state={anchors.held === anchors.of ? 'yes' : 'waiting'}
          word={`${anchors.held} of ${anchors.of} anchors`}
          label={`Held by ${anchors.held} of ${anchors.of} anchors outside the log`}
        />
      )}
    </ul>
  );
}

/** What the badges mean, for whoever wants to know. */
export function BadgeLegend() {
  return (
    <details class="legend">
      <summary>What “signed”, “in tree”, “in log” and “anchors” mean</summary>
      <dl>
        <dt>Signed</dt>
        <dd>The gateway beside the patient signed what the wearable said. Nobody can change it unnoticed.</dd>
        <dt>In tree</dt>
        <dd>The reading has its place under the signed root of its batch. None can be taken out or put in.</dd>
        <dt>In log</dt>
        <dd>
          A public log has taken the batch and signed for it. From now on nobody can deny that it existed, and it has a
          receipt that a stranger can check.
        </dd>
        <dt>Anchors</dt>
        <dd>
          Others outside, such as a blockchain, hold what the log said, so that not even the log can take it back. They
          come some minutes later; one late anchor covers all before it. Where there are none, this is not shown.
        </dd>
      </dl>
    </details>
  );
}
