/** The agent's private talk with the service, under whatever name it has: reports outward, actions inward. */
import type { AgentAction } from '../protocol/agent-action.ts';
import type { Identity } from './identity.ts';
import { openPrivateChannel, type PrivateChannel } from './private-channel.ts';
import { createReporter, type Report, type ReporterOptions } from './reports.ts';

export interface VoiceOptions extends Pick<ReporterOptions, 'boot' | 'send' | 'realNow'> {
  readonly identity: Identity;
  /** X25519 key of the service. */
  readonly hpkeKey: Uint8Array;
  /** Opened under the name that the agent has now. */
  readonly channel: PrivateChannel;
}

export class Voice {
  readonly report: Report;
  readonly #options: VoiceOptions;
  #channel: PrivateChannel;

  constructor(options: VoiceOptions) {
    const { identity } = options;
    this.#options = options;
    this.#channel = options.channel;
    this.report = createReporter({
      ...options,
      // A key that the service does not know yet has nothing to say.
      speaker: () => (identity.isKnown ? identity.sealing : undefined),
      seal: (signed) => this.#channel.sealReport(signed),
    });
  }

  /** Tells to which key actions are sealed from now on. */
  hello(): void {
    this.report({ type: 'hello', hpkePublicKey: this.#channel.publicKey });
  }

  openActions(sealed: Uint8Array): Promise<readonly AgentAction[]> {
    return this.#channel.openActions(sealed);
  }

  /** Actions are sealed to a key that goes with the name, so there is a new one. */
  async renamed(): Promise<void> {
    const { hpkeKey, identity } = this.#options;
    this.#channel = await openPrivateChannel(hpkeKey, identity.session.agent);
  }
}
