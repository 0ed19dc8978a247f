/** Whether this browser may sign for the patient, and if not, what to do about it. */
import type { ComponentChildren } from 'preact';
import { Icon, type IconName } from '../shared/icons.tsx';
import type { SignerPhase } from './open-signer.ts';

interface PhaseText {
  readonly icon: IconName;
  readonly title: string;
  readonly text: ComponentChildren;
}

export const PHASES: Readonly<Record<SignerPhase, PhaseText>> = {
  checking: { icon: 'wait', title: 'Checking this browser’s key', text: 'One moment.' },
  waiting: {
    icon: 'wait',
    title: 'Waiting for your keyring',
    text: 'This browser made a key of its own and asked your keyring to let it sign for you. That takes some seconds.',
  },
  ready: {
    icon: 'key',
    title: 'This browser may sign for you',
    text: 'What you grant or revoke here is signed with a key that never leaves this browser. Nobody else can do it for you.',
  },
  unanswered: {
    icon: 'warning',
    title: 'Your keyring did not answer',
    text: 'You can look, but not change anything. Open a new sign-in link while your keyring runs.',
  },
  absent: {
    icon: 'key',
    title: 'This browser may not sign for you yet',
    text: 'You can look, but not change anything. Open a new sign-in link in this browser to let it sign.',
  },
  unsupported: {
    icon: 'warning',
    title: 'This browser cannot sign',
    text: 'It has no Ed25519 keys, or the page came without encryption. Use a current browser on this machine.',
  },
};

export function SignerStrip({ phase }: { readonly phase: SignerPhase }) {
  const { icon, title, text } = PHASES[phase];
  return (
    <section class={`signer signer-${phase}`} data-testid="signer-state" data-state={phase} role="status">
      <Icon name={icon} />
      <p>
        <strong>{title}.</strong> {text}
      </p>
    </section>
  );
}
