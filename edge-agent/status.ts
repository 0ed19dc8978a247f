/** What an agent says of itself: counts only. */
import type { FaultCode } from '../protocol/fault.ts';
import type { NotAResult } from '../protocol/gatt/measured-vital.ts';
import type { AssemblerCounts } from './assemble.ts';
import type { BufferStatus } from './capacity.ts';
import type { ObservedCounts } from './observe.ts';
import type { OutboxCounts } from './outbox.ts';
import type { Publisher } from './publisher.ts';

/** Counts since the start, and of batches since the first start. */
export interface AgentStatus {
  readonly connected: boolean;
  /** Why sending stopped for good; absent while all is well. */
  readonly halted?: FaultCode;
  /** The state could not be written; nothing is accepted any more. */
  readonly failed: boolean;
  /** Readings, doubles included. */
  readonly heard: number;
  readonly doubles: number;
  readonly implausible: number;
  /** Values that did not decode. */
  readonly undecodable: number;
  readonly undecodableBy: Partial<Record<FaultCode, number>>;
  /** What was in values and is no reading, such as control solution. */
  readonly notResults: Partial<Record<NotAResult, number>>;
  /** Records of which a segment was missing. */
  readonly lostRecords: number;
  /** Values of devices that are not assigned. */
  readonly unknownDevice: number;
  /** Values that were not looked at, for want of consent to collect. */
  readonly paused: number;
  /** Readings of users of devices whom no patient has claimed. */
  readonly unclaimed: number;
  /** Leaves that are durable and not sealed. */
  readonly pending: number;
  /** Batches sealed since the first start; of these, not held yet, held, and logged. */
  readonly sealed: number;
  readonly outbox: number;
  /** Of those not held: kept by the service until people decide, because our key is revoked. */
  readonly waiting: number;
  readonly held: number;
  readonly logged: number;
  /** Room for what the service has not taken. */
  readonly buffer: BufferStatus;
  /** Leaves that the service did not keep, for want of consent. */
  readonly withheld: number;
  readonly refused: Partial<Record<FaultCode, number>>;
  /** Messages that were not the service's, and commands that were not obeyed. */
  readonly ignored: number;
  /** How often the radio process ended by itself; absent where the radio has none. */
  readonly radioEnded?: number;
}

/** Where the counts come from. */
export interface StatusSources {
  readonly observed: ObservedCounts;
  readonly assembled: AssemblerCounts;
  readonly publisher: Pick<Publisher, 'connected' | 'halted' | 'refused' | 'ignored' | 'withheld'>;
  readonly pending: number;
  /** Sequence of the newest sealed batch. */
  readonly sealed: number;
  readonly outbox: OutboxCounts;
  readonly buffer: BufferStatus;
  readonly commandsIgnored: number;
  readonly failed: boolean;
}

export function describeStatus(sources: StatusSources): AgentStatus {
  const { observed, assembled, publisher, pending, sealed, outbox, buffer, commandsIgnored, failed } = sources;
  const { connected, halted, refused, ignored, withheld } = publisher;
  return {
    connected,
    ...(halted ? { halted } : {}),
    failed,
    heard: observed.heard,
    doubles: observed.doubles,
    implausible: observed.implausible,
    undecodable: Object.values(observed.undecodable).reduce((sum, n) => sum + n, 0),
    undecodableBy: { ...observed.undecodable },
    notResults: { ...observed.notResults },
    lostRecords: assembled.lostRecords,
    unknownDevice: observed.unknownDevice,
    paused: observed.paused,
    unclaimed: observed.unclaimed,
    pending,
    sealed,
    outbox: outbox.unheld,
    waiting: outbox.waiting,
    held: sealed - outbox.unheld,
    logged: sealed - outbox.kept,
    buffer,
    withheld,
    refused: { ...refused },
    ignored: ignored + commandsIgnored,
  };
}
