/**
 * The radio as a process of its own, started by `radio-host.ts`: controller, noble and links, and nothing that must not
 * be lost. Of keys it holds those of bonded devices, in memory; it keeps no data, and prints nothing.
 */
import { Fault, isFault } from '../protocol/fault.ts';
import { policiesOf } from './device-policies.ts';
import type { Bond } from './radio/bond-store.ts';
import { teeTransport } from './radio/btsnoop.ts';
import { openBtsnoopFile } from './radio/btsnoop-file.ts';
import type { HciTransport } from './radio/hci-transport.ts';
import { type HciAddress, openController } from './radio/open-controller.ts';
import { PROFILES } from './radio/profiles.ts';
import { openRadio } from './radio/radio.ts';
import type { Radio } from './radio/radio-options.ts';
import type { RadioTimings } from './radio/radio-timings.ts';
import { openChannel } from './radio-channel.ts';
import { type CrossingName, crossOver, type Remembered } from './radio-crossing.ts';
import { mirrorBonds, mirrorCursors, mirrorUsers, type RememberedCursor, type RememberedUser } from './radio-mirror.ts';
import { createZone } from './zone.ts';

/** Exit code after an exception that nobody caught (sysexits.h EX_SOFTWARE). */
const EXIT_FELL = 70;
/** Longest time for which simulated time stands still at the agent. */
const TICK_MS = 50;

/** What is heard, and where. */
export interface ChildSettings {
  readonly hci: HciAddress;
  /** File to which the radio is recorded. */
  readonly btsnoop?: string;
  /** IANA time zone of devices' clocks; the machine's where it is left out. */
  readonly zone?: string;
}

/** How it is heard. */
export interface ListenSettings {
  /** Which callbacks the agent has. */
  readonly callbacks: readonly CrossingName[];
  readonly timings?: Partial<RadioTimings>;
  readonly remembered: readonly Remembered[];
  readonly maxLinks?: number;
  /** How far records were fetched; absent where the agent does not remember. */
  readonly cursors?: readonly RememberedCursor[];
  /** Users of devices that are mute without one; absent where the agent keeps none. */
  readonly users?: readonly RememberedUser[];
  /** Keys of bonded devices; absent where the agent keeps none. */
  readonly bonds?: readonly Bond[];
  /** Addresses of devices that are wanted for all that the agent knows now; others are asked for first. */
  readonly wanted: readonly string[];
}

let transport: HciTransport | undefined;
let radio: Radio | undefined;
let zoneOf = createZone(undefined);

/** Real time, noting that it was asked for: a transport that brings its own time does not. */
let asked = false;
const clock = {
  now() {
    asked = true;
    return Date.now();
  },
};

/** The transport's own time; undefined while it has none. */
function simulatedNow(): number | undefined {
  asked = false;
  const now = transport?.clock.now();
  return asked ? undefined : now;
}

/** Monotonic on this machine, whichever process asks. */
const uptime = () => Number(process.hrtime.bigint()) / 1e6;

const channel = openChannel({
  port: process,
  at: simulatedNow,
  handlers: {
    async open({ hci, btsnoop, zone }: ChildSettings): Promise<void> {
      zoneOf = createZone(zone);
      const controller = await openController(hci, clock);
      transport = btsnoop === undefined ? controller : record(controller, btsnoop);
      let told: number | undefined;
      setInterval(() => {
        const now = simulatedNow();
        if (now !== told) void channel.flush();
        told = now;
      }, TICK_MS);
    },

    listen({ callbacks, timings, remembered, wanted, maxLinks, cursors, users, bonds }: ListenSettings): void {
      const wants = ({ address }: { address: string }) => wanted.includes(address);
      radio = openRadio({
        ...crossOver(channel, callbacks, remembered, uptime, { wants }),
        transport: transport!,
        profiles: PROFILES,
        uptime,
        random: Math.random,
        zoneOf,
        policiesOf,
        ...(bonds && { bonds: mirrorBonds(bonds, channel) }),
        ...(cursors && { cursors: mirrorCursors(cursors, (...change) => channel.tell('cursorChanged', ...change)) }),
        ...(users && { users: mirrorUsers(users, (...added) => channel.tell('userAdded', ...added)) }),
        ...(maxLinks !== undefined && { maxLinks }),
        ...(timings && { timings }),
      });
    },

    disconnect: (address: string) => radio?.disconnect(address),

    unbond: (address: string) => radio?.unbond(address),

    answer: () => true,

    delivered: () => radio?.delivered(),

    async close(): Promise<void> {
      await (radio ?? transport)?.close();
    },
  },
});

function record(controller: HciTransport, path: string): HciTransport {
  const onStopped = (why: 'full' | 'failed') => channel.tell('recordingStopped', why);
  try {
    return teeTransport(controller, openBtsnoopFile({ path, onStopped }));
  } catch (error) {
    if (isFault(error)) throw error;
    throw new Fault('unavailable', `the radio cannot be recorded to ${path}`);
  }
}

// The terminal and the system tell every process to stop; when this one does is the agent's to say.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('disconnect', () => process.exit(0));
process.on('uncaughtException', () => {
  // What was heard before goes to the agent still.
  channel.flush().finally(() => process.exit(EXIT_FELL));
});
