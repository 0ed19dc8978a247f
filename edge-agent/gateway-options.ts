/** What the gateway is made of: everything that is chosen elsewhere. */
import type { DatabaseSync } from 'node:sqlite';
import type { Clock, Instant } from '../protocol/time.ts';
import type { Enrolled } from './enrol.ts';
import type { Identity } from './identity.ts';
import type { AgentKeys } from './keys.ts';
import type { Log } from './log.ts';
import type { PublisherTuning } from './publisher.ts';
import type { RotationStep } from './rotation.ts';
import type { SecretFiles } from './secret-files.ts';
import type { AgentTls } from './service-post.ts';

export interface GatewayOptions {
  /** Open; the gateway closes it. */
  readonly db: DatabaseSync;
  readonly keys: Pick<AgentKeys, 'storageKey' | 'doublesKey'>;
  readonly identity: Identity;
  readonly files: SecretFiles;
  readonly enrolled: Enrolled;
  /** Base URL of the service. */
  readonly serviceUrl: string;
  readonly tls?: AgentTls;
  readonly onRotationStep?: (step: RotationStep) => void;
  /** Takes devices out of the stored enrolment; durable when it returns. */
  readonly forgetEnrolled: (isTheirs: (subject: Uint8Array) => boolean) => void;
  /** Transport's clock. */
  readonly clock: Clock;
  /** Real time, for what must not follow a recording: expiry of commands, memory of doubles. */
  readonly realNow: Clock;
  readonly zoneOf: (instant: Instant) => number;
  /** How far the gateway's clock may be wrong, ms; absent where nobody says. */
  readonly heardWithinMs?: number;
  readonly test: boolean;
  readonly batch: { readonly maxLeaves: number; readonly maxAgeMs: number };
  readonly heartbeatMs: number;
  /** Octets that may wait for the service, pending and sealed. */
  readonly capacityOctets: number;
  readonly groupMs: number;
  readonly publishing: PublisherTuning;
  readonly log: Log;
  /** The state cannot be written any more: stop the process, a restart recovers. */
  readonly onFailure: (error: unknown) => void;
}
