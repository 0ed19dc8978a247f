/** `npm run simulate -- run`: plays a scenario file, for any host stack that speaks H4, or for its ground truth alone. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type H4Place, type H4Server, LOOPBACK_HOSTS, type LoopbackHost, serveH4 } from './hci/h4-server.ts';
import { createSimClock } from './hci/sim-clock.ts';
import { VirtualController } from './hci/virtual-controller.ts';
import { openVirtualTransport } from './hci/virtual-transport.ts';
import type { PlannedHome } from './scenarios/expand.ts';
import { readScenarioFile } from './scenarios/read-file.ts';
import { type OpenHome, type ScenarioResult, startScenario } from './scenarios/run.ts';
import type { Scenario } from './scenarios/scenario.ts';
import type { TruthWriter } from './scenarios/truth.ts';
import type { WaitLimits } from './scenarios/waits.ts';

export const RUN_HELP = `Usage: npm run simulate -- run SCENARIO.json [serve LISTEN | --road DIRECTORY] [--hours H] [--truth FILE] [--speed X]

Plays a scenario: people, what they wear, and what goes wrong when (simulators/README.md). With serve a host of yours
hears it over H4: LISTEN is tcp://127.0.0.1:PORT (also [::1]) or unix://PATH. Of several homes each has a place of its
own: the next port, or PATH-HOME. It begins when a host has connected to a wearable. With --road an agent for each home
hears it, a service files it, and a table compares the record with the ground truth; the exit code is 1 when anything is
lost, doubled, invented, not in the log, kept by a wearable, or not there without a cause. With neither nobody hears it.

  --road DIR     where agents and service keep what they write: a directory that is empty or not there
  --hours H      plays the first H hours of it
  --truth FILE   writes what is true, before any wearable has it, as lines of JSON to a new file (0600)
  --speed X      simulated time runs X times as fast as real time, 0.1 to 100000
                 (default: as fast as the host can hear)
  --help         this text
`;

export interface RunSettings {
  readonly scenario: Scenario;
  readonly place?: H4Place;
  /** Directory of the whole road. */
  readonly road?: string;
  readonly truth?: string;
  readonly speed?: number;
}

export type RunCommand =
  | { readonly kind: 'help' }
  | { readonly kind: 'refused'; readonly problems: readonly string[] }
  | { readonly kind: 'run'; readonly settings: RunSettings };

/** `argv` is what follows `run`. Throws what reading the file throws. */
export function readRunCommand(argv: readonly string[]): RunCommand {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(argv);
  } catch (error) {
    return refuse(`${(error as Error).message.split('. ')[0]}; run --help tells what there is`);
  }
  const { values, positionals } = parsed;
  if (values.help) return { kind: 'help' };
  const [file, serve, where, ...more] = positionals;
  if (file === undefined || more.length > 0) return refuse('run takes one scenario file');
  if (serve !== undefined && serve !== 'serve') return refuse('behind the file there is only serve LISTEN');
  const place = serve === undefined ? undefined : parsePlace(where);
  if (serve !== undefined && !place) return refuse('serve takes one place, tcp://127.0.0.1:PORT or unix://PATH');
  const speed = values.speed === undefined ? undefined : Number(values.speed);
  if (speed !== undefined && !(/^\d+(\.\d+)?$/.test(values.speed!) && speed >= 0.1 && speed <= 100_000)) {
    return refuse('--speed is a number from 0.1 to 100000');
  }
  const { truth, road } = values;
  if (truth === '' || road === '') return refuse('--truth and --road take a path');
  if (road !== undefined && (place || speed !== undefined)) return refuse('--road goes neither with serve nor --speed');
  const hours = values.hours === undefined ? undefined : Number(values.hours);
  if (hours !== undefined && !(hours > 0)) return refuse('--hours is a number above 0');
  const read = readScenarioFile(file);
  if ('problems' in read) return { kind: 'refused', problems: read.problems };
  if (hours !== undefined && hours > read.scenario.hours) {
    return refuse(`--hours is at most ${read.scenario.hours}, which is how long the scenario is`);
  }
  const scenario = { ...read.scenario, ...(hours !== undefined && { hours }) };
  const options = { ...(place && { place }), ...(truth && { truth }), ...(speed !== undefined && { speed }) };
  return { kind: 'run', settings: { scenario, ...(road !== undefined && { road }), ...options } };
}

function parse(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      road: { type: 'string' },
      hours: { type: 'string' },
      truth: { type: 'string' },
      speed: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
}

function parsePlace(where = ''): H4Place | undefined {
  const path = /^unix:\/\/(.+)$/.exec(where)?.[1];
  if (path) return { path };
  const [, name, digits] = /^tcp:\/\/(.+):(\d{1,5})$/.exec(where) ?? [];
  const host = name === 'localhost' ? '127.0.0.1' : name?.replace(/^\[(.+)\]$/, '$1');
  const port = Number(digits);
  if (!LOOPBACK_HOSTS.includes(host as LoopbackHost) || !(port <= 65_535)) return undefined;
  return { port, host: host as LoopbackHost };
}

function refuse(problem: string): RunCommand {
  return { kind: 'refused', problems: [problem] };
}

/** Nobody is there to be waited for. */
const NO_WAITS: WaitLimits = {
  reconnectMs: 0,
  deliveryMs: 1000,
  troubledMs: 1000,
  broadcastMs: 0,
  adapterMs: 0,
  drainMs: 0,
};

export interface RunSurroundings {
  readonly say: (text: string) => void;
  /** Resolves when the run is to end early. */
  readonly whenStopped: Promise<void>;
  /** Real milliseconds from any origin. */
  readonly monotonic: () => number;
}

/** Plays it to the end, or until it is stopped. */
export async function runScenarioCommand(settings: RunSettings, around: RunSurroundings): Promise<ScenarioResult> {
  const { scenario, place, speed } = settings;
  const { say, whenStopped, monotonic } = around;
  const clock = createSimClock(scenario.startAt);
  const servers: H4Server[] = [];
  const controllers: VirtualController[] = [];
  let stopped = false;
  const openController = async (home: PlannedHome): Promise<OpenHome> => {
    const controller = new VirtualController({ clock, ...(home.maxLinks && { maxLinks: home.maxLinks }) });
    if (!place) return { controller, transport: openVirtualTransport(controller) };
    const own = placeOf(place, home, controllers.length, scenario.homes.length);
    controllers.push(controller);
    const server = await serveH4({ controller, ...own });
    servers.push(server);
    say(`${home.id}: H4 on ${describePlace(own, server.port)}\n`);
    return { controller };
  };
  const truth = settings.truth === undefined ? undefined : openTruth(settings.truth);
  const real = speed === undefined ? undefined : { speed, origin: 0 };
  try {
    const running = await startScenario({
      scenario,
      openController,
      clock,
      ...(truth && { truth: truth.write }),
      ...(place ? {} : { limits: NO_WAITS }),
      async settle(when) {
        if (when !== 'start') return;
        if (place) await until(() => stopped || controllers.some(({ linkCount }) => linkCount > 0));
        if (real) real.origin = monotonic();
      },
      ...(real && {
        async pace(instant) {
          const due = real.origin + (instant - scenario.startAt) / real.speed;
          await until(() => stopped || monotonic() >= due);
        },
      }),
    });
    for (const { plan } of running.devices) say(`${plan.address}  ${plan.id}\n`);
    say(`${running.plan.steps.length} events, seed ${scenario.seed}. Ctrl-C stops.\n`);
    void whenStopped.then(() => {
      stopped = true;
      return running.stop().catch(() => undefined);
    });
    return await running.done;
  } finally {
    truth?.close();
    await Promise.all(servers.map((server) => server.close()));
  }
}

const LOOK_EVERY_MS = 5;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
}

function placeOf(place: H4Place, home: PlannedHome, index: number, homes: number): H4Place {
  if ('path' in place) return homes === 1 ? place : { path: `${place.path}-${home.id}` };
  return place.port === 0 ? place : { ...place, port: place.port + index };
}

function describePlace(place: H4Place, port: number | undefined): string {
  if ('path' in place) return `unix://${place.path}`;
  return `tcp://${place.host === '::1' ? '[::1]' : place.host}:${port}`;
}

/** A line is in the file when `write` returns. */
export function openTruth(path: string): { readonly write: TruthWriter; readonly close: () => void } {
  const file = openSync(path, 'wx', 0o600);
  return {
    write: (line) => void writeSync(file, `${JSON.stringify(line)}\n`),
    close: () => closeSync(file),
  };
}

/** What became of everything, in one line. */
export function describeResult({
  measured,
  delivered,
  unheard,
  lost,
  kept,
  abandoned,
  faults,
}: ScenarioResult): string {
  const parts = { delivered, unheard, lost, kept, abandoned };
  const told = Object.entries(parts).flatMap(([name, count]) => (count > 0 ? [`${count} ${name}`] : []));
  return `${measured} measurements (${told.join(', ') || 'none'}), ${faults} faults.\n`;
}
