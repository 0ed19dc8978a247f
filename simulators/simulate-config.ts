/** Settings of `npm run simulate`: one command each, of which `serve` and what is like it share the places. */
import { parseArgs } from 'node:util';
import type { FleetSettings } from './fleet.ts';
import { type H4Place, LOOPBACK_HOSTS, type LoopbackHost } from './hci/h4-server.ts';
import type { ImportSettings } from './import-capture.ts';
import { WEARABLE_KINDS, type WearableKind } from './live.ts';
import type { RecordSettings } from './record-radio.ts';
import type { ReplaySettings } from './replay-capture.ts';

export const HELP = `Usage: npm run simulate -- serve LISTEN [options]
       npm run simulate -- fleet --agents N [options]
       npm run simulate -- record LISTEN UPSTREAM OUT.btsnoop
       npm run simulate -- replay IN.btsnoop LISTEN [options]
       npm run simulate -- import IN.btsnoop OUT.btsnoop [options]
       npm run simulate -- run SCENARIO.json [serve LISTEN | --road DIRECTORY] [options]

LISTEN is tcp://127.0.0.1:PORT, a port of this machine (also [::1]; 0: any free one), to which any user of it may
connect; or unix://PATH, a unix socket, for this user only. What is behind it speaks H4 to one host at a time: our
agent, or any other Bluetooth stack.

serve: simulated wearables on a virtual Bluetooth LE controller, that measure as long as it runs.

  --seed N              seed of the simulated body and of the addresses (default 1)
  --speed X             simulated time runs X times as fast as real time, 0.1 to 100 (default 1)
  --wearables LIST      some of ${WEARABLE_KINDS.join(',')}
                        (default: all)

fleet: agents without a radio, each with keys, enrolment and state of its own and one patient with a heart strap, that
report to a service in this process and a temporary directory. Counts every reading at both ends; exit 1 if one is
lost or doubled.

  --agents N            1 to 1000 (default 20)
  --rate R              readings a second of each agent, 0.01 to 100 (default 1)
  --seconds S           1 to 3600 (default 10)
  --service URL         a running service instead; needs --data, its data directory on this machine. It keeps what
                        the fleet sends: test patients
  --data DIR
  --json                the result as one JSON object

record: stands between a host and a controller and writes what passes to a new file (0600) that Wireshark opens. It
holds what is measured, and keys. UPSTREAM is a controller: tcp://HOST:PORT or unix://PATH.

replay: the device of a recording as a wearable; plays when the host has subscribed to all that it will say, then stops.

  --device ADDRESS      the device (default: the only one that sent values)
  --cached FILE         attributes that a phone knew before, one a line: 0x0012 1810 2a35
  --speed X             X times as fast as it was recorded, 0.1 to 1000000 (default 1)

import: takes one device out of a recording of a real radio (btsnoop, as Android, btmon and our agent write it) and
leaves out all other devices, names, addresses and keys. What it measured stays: it is somebody's health.

  --device ADDRESS      the device that is kept (default: the only one that sent values)
  --cached FILE         as above

run: people, what they wear and what goes wrong, from a file; \`run --help\` tells more.

  --help                this text

Ctrl-C stops.
`;

export interface ServeSettings {
  readonly place: H4Place;
  readonly seed: number;
  readonly speed: number;
  readonly kinds: readonly WearableKind[];
}

export interface FleetCommand extends FleetSettings {
  readonly running?: { readonly url: string; readonly data: string };
  readonly json: boolean;
}

type Command =
  | { readonly kind: 'serve'; readonly settings: ServeSettings }
  | { readonly kind: 'fleet'; readonly settings: FleetCommand }
  | { readonly kind: 'record'; readonly settings: RecordSettings }
  | { readonly kind: 'replay'; readonly settings: ReplaySettings }
  | { readonly kind: 'import'; readonly settings: ImportSettings };

export type SimulateConfig =
  | { readonly kind: 'help' }
  | { readonly kind: 'refused'; readonly problem: string }
  | Command;

/** What is wrong with the arguments, for people. */
class Problem extends Error {}

/** The first problem, or the settings. */
export function readSimulateConfig(argv: readonly string[]): SimulateConfig {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(argv);
  } catch (error) {
    return { kind: 'refused', problem: `${(error as Error).message.split('. ')[0]}; --help tells what there is` };
  }
  if (parsed.values.help) return { kind: 'help' };
  const [command = '', ...operands] = parsed.positionals;
  try {
    if (!Object.hasOwn(READERS, command)) {
      throw new Problem(`the command is one of ${Object.keys(READERS).join(', ')}; --help tells more`);
    }
    return READERS[command as Command['kind']](operands, parsed.values);
  } catch (error) {
    if (error instanceof Problem) return { kind: 'refused', problem: error.message };
    throw error;
  }
}

const OPTIONS = {
  seed: { type: 'string', default: '1' },
  speed: { type: 'string', default: '1' },
  device: { type: 'string' },
  cached: { type: 'string' },
  wearables: { type: 'string', default: WEARABLE_KINDS.join(',') },
  agents: { type: 'string', default: '20' },
  rate: { type: 'string', default: '1' },
  seconds: { type: 'string', default: '10' },
  service: { type: 'string' },
  data: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

function parse(argv: readonly string[]) {
  return parseArgs({ args: [...argv], allowPositionals: true, options: OPTIONS });
}

type Values = ReturnType<typeof parse>['values'];
type Reader = (operands: readonly string[], values: Values) => Command;

const READERS: Readonly<Record<Command['kind'], Reader>> = {
  serve(operands, values) {
    const [where] = take(operands, 1, 'serve takes one place, tcp://127.0.0.1:PORT or unix://PATH');
    const place = listenAt(where!, 'serve takes one place, tcp://127.0.0.1:PORT or unix://PATH');
    const seed = numberOf('seed', values.seed, 0, 2 ** 32 - 1, true);
    const speed = numberOf('speed', values.speed, 0.1, 100);
    const asked = values.wearables.split(',');
    const kinds = WEARABLE_KINDS.filter((kind) => asked.includes(kind));
    if (kinds.length !== asked.length) {
      throw new Problem(`--wearables is a list of ${WEARABLE_KINDS.join(',')}, each once`);
    }
    return { kind: 'serve', settings: { place, seed, speed, kinds } };
  },

  fleet(operands, { service, data, json, ...values }) {
    take(operands, 0, 'fleet takes options only');
    const agents = numberOf('agents', values.agents, 1, 1000, true);
    const rate = numberOf('rate', values.rate, 0.01, 100);
    const seconds = numberOf('seconds', values.seconds, 1, 3600);
    if ((service === undefined) !== (data === undefined)) throw new Problem('--service and --data go together');
    if (service !== undefined && !/^https?:\/\/[^/]+$/.test(service))
      throw new Problem('--service is http://HOST:PORT');
    const running = service !== undefined && data !== undefined && { running: { url: service, data } };
    return { kind: 'fleet', settings: { agents, rate, seconds, json, ...running } };
  },

  record(operands) {
    const form = 'record takes LISTEN, UPSTREAM and a file; --help tells more';
    const [listen, upstream, file] = take(operands, 3, form);
    return {
      kind: 'record',
      settings: { place: listenAt(listen!, form), upstream: upstreamAt(upstream!, form), file: file! },
    };
  },

  replay(operands, values) {
    const form = 'replay takes a file and LISTEN; --help tells more';
    const [input, listen] = take(operands, 2, form);
    const speed = numberOf('speed', values.speed, 0.1, 1_000_000);
    return { kind: 'replay', settings: { input: input!, place: listenAt(listen!, form), speed, ...sourceOf(values) } };
  },

  import(operands, values) {
    const [input, output] = take(operands, 2, 'import takes two files');
    return { kind: 'import', settings: { input: input!, output: output!, ...sourceOf(values) } };
  },
};

function take(operands: readonly string[], count: number, problem: string): readonly string[] {
  if (operands.length !== count) throw new Problem(problem);
  return operands;
}

function sourceOf({ device, cached }: Values): { device?: string; cached?: string } {
  if (device !== undefined && !/^[\da-f]{2}(:[\da-f]{2}){5}$/i.test(device)) {
    throw new Problem('--device is six octets in hex with colons');
  }
  return { ...(device && { device }), ...(cached && { cached }) };
}

function numberOf(name: string, text: string, low: number, high: number, whole = false): number {
  const value = Number(text);
  const form = whole ? /^\d{1,10}$/ : /^\d+(\.\d+)?$/;
  if (!form.test(text) || value < low || value > high) {
    throw new Problem(`--${name} is a ${whole ? 'whole ' : ''}number from ${low} to ${high}`);
  }
  return value;
}

function listenAt(where: string, problem: string): H4Place {
  const path = /^unix:\/\/(.+)$/.exec(where)?.[1];
  if (path) return { path };
  const { host, port } = upstreamAt(where, problem) as { host: string; port: number };
  if (!LOOPBACK_HOSTS.includes(host as LoopbackHost)) throw new Problem(problem);
  return { port, host: host as LoopbackHost };
}

function upstreamAt(where: string, problem: string): RecordSettings['upstream'] {
  const path = /^unix:\/\/(.+)$/.exec(where)?.[1];
  if (path) return { path };
  const [, name, digits] = /^tcp:\/\/([\w.-]+|\[[\da-f:.]+\]):(\d{1,5})$/i.exec(where) ?? [];
  const host = name === 'localhost' ? '127.0.0.1' : name?.replace(/^\[(.+)\]$/, '$1');
  const port = Number(digits);
  if (host === undefined || !(port <= 65_535)) throw new Problem(problem);
  return { host, port };
}
