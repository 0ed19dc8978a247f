/** `npm run simulate`: wearables without hardware for any host stack that speaks H4, recordings of radios, and fleets of agents. */
import { isFault } from '../protocol/fault.ts';
import { formatFleet, isWhole, runFleet } from './fleet.ts';
import { type H4Place, serveH4 } from './hci/h4-server.ts';
import { createScaledClock } from './hci/sim-clock.ts';
import { VirtualController } from './hci/virtual-controller.ts';
import { describeCapture, importCapture } from './import-capture.ts';
import { createWearables, runWearables } from './live.ts';
import { type RecordSettings, recordRadio } from './record-radio.ts';
import { type ReplaySettings, replayCapture } from './replay-capture.ts';
import { type FleetCommand, HELP, readSimulateConfig, type ServeSettings } from './simulate-config.ts';
import { playOnRoad } from './simulate-road.ts';
import { describeResult, RUN_HELP, readRunCommand, runScenarioCommand } from './simulate-run.ts';

const EXIT_FAILED = 1;
const EXIT_BAD_USAGE = 2;

async function main(): Promise<number> {
  if (process.argv[2] === 'run') return run(process.argv.slice(3));
  const config = readSimulateConfig(process.argv.slice(2));
  switch (config.kind) {
    case 'help':
      process.stdout.write(HELP);
      return 0;
    case 'refused':
      process.stderr.write(`simulate: ${config.problem}\n`);
      return EXIT_BAD_USAGE;
    case 'serve':
      await serve(config.settings);
      return 0;
    case 'fleet':
      return fleet(config.settings);
    case 'record':
      await record(config.settings);
      return 0;
    case 'replay':
      return naming(config.settings.input, () => replay(config.settings));
    case 'import':
      return naming(config.settings.input, async () => {
        process.stdout.write(importCapture(config.settings));
        return 0;
      });
  }
}

async function run(argv: readonly string[]): Promise<number> {
  const command = readRunCommand(argv);
  if (command.kind === 'help') {
    process.stdout.write(RUN_HELP);
    return 0;
  }
  if (command.kind === 'refused') {
    for (const problem of command.problems) process.stderr.write(`simulate: ${problem}\n`);
    return EXIT_BAD_USAGE;
  }
  const say = (text: string) => void process.stdout.write(text);
  const { settings } = command;
  if (settings.road !== undefined) {
    const progress = (text: string) => void process.stderr.write(`${text}\n`);
    const around = { say, progress, whenStopped: whenStopped() };
    return (await playOnRoad({ ...settings, road: settings.road }, around)) ? 0 : EXIT_FAILED;
  }
  const around = { say, whenStopped: whenStopped(), monotonic: () => performance.now() };
  say(describeResult(await runScenarioCommand(settings, around)));
  return 0;
}

/** Where a recording holds several devices, says which. */
async function naming(input: string, act: () => Promise<number>): Promise<number> {
  try {
    return await act();
  } catch (error) {
    if (!isFault(error, 'not-found')) throw error;
    process.stderr.write(`simulate: ${error.message} with --device\n${describeCapture(input)}`);
    return EXIT_FAILED;
  }
}

function whenStopped(): Promise<void> {
  return new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
}

async function fleet({ running, json, ...settings }: FleetCommand): Promise<number> {
  process.once('SIGINT', () => process.exit(EXIT_FAILED));
  // Agents and service are loaded for nothing else.
  const { openFleetSite } = await import('./fleet-site.ts');
  const site = await openFleetSite(running);
  try {
    const result = await runFleet(site, settings, (line) => process.stderr.write(`${line}\n`));
    process.stdout.write(json ? `${JSON.stringify(result)}\n` : formatFleet(result));
    return isWhole(result) ? 0 : EXIT_FAILED;
  } finally {
    await site.close();
  }
}

async function record(settings: RecordSettings): Promise<void> {
  const stopAsked = whenStopped();
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const recorder = await recordRadio(settings, { now: Date.now }, say);
  say(`H4 on ${describePlace(settings.place, recorder.port)}, recorded to ${settings.file}. Ctrl-C stops.`);
  await stopAsked;
  await recorder.close();
  say(`Stopped; ${recorder.packets} packets.`);
}

async function replay(settings: ReplaySettings): Promise<number> {
  const stopAsked = whenStopped();
  const { server, address, played } = await replayCapture(settings, () => performance.now());
  const where = describePlace(settings.place, server.port);
  process.stdout.write(`${address}  HTEST replay\nH4 on ${where}. Plays when a host has subscribed. Ctrl-C stops.\n`);
  const outcome = await Promise.race([played, stopAsked]);
  if (outcome) process.stdout.write(`Played ${outcome.played} values; ${outcome.unheard} could not be sent.\n`);
  await server.close();
  process.stdout.write('Stopped.\n');
  return 0;
}

/** Ends when the process is told to stop. */
async function serve({ place, seed, speed, kinds }: ServeSettings): Promise<void> {
  const stopAsked = whenStopped();
  const clock = createScaledClock({ startAt: Date.now(), speed, monotonic: () => performance.now() });
  const controller = new VirtualController({ clock });
  const wearables = createWearables({ seed, name: 'simulate', kinds, startedAt: clock.now() });
  for (const { device } of wearables) controller.add(device);
  const server = await serveH4({ controller, ...place });
  const stop = runWearables(wearables, () => clock.now(), speed);
  for (const { device } of wearables) process.stdout.write(`${device.address}  ${device.name}\n`);
  process.stdout.write(`H4 on ${describePlace(place, server.port)}, seed ${seed}, speed ${speed}. Ctrl-C stops.\n`);
  await stopAsked;
  stop();
  await server.close();
  process.stdout.write('Stopped.\n');
}

function describePlace(place: H4Place, port: number | undefined): string {
  if ('path' in place) return `unix://${place.path}`;
  return `tcp://${place.host === '::1' ? '[::1]' : place.host}:${port}`;
}

main().then(
  (code) => process.exit(code),
  (error: NodeJS.ErrnoException) => {
    const reasons: Readonly<Record<string, string>> = {
      EADDRINUSE: 'something else listens there',
      EEXIST: 'that file is there already; name another',
      ENOENT: 'there is no such file or folder',
      // For a unix socket libuv says the same when the folder is not there.
      EACCES: 'this user may not listen there, or the folder of the socket is not there',
    };
    process.stderr.write(`simulate: ${reasons[error.code ?? ''] ?? error.message}\n`);
    process.exit(EXIT_FAILED);
  },
);
