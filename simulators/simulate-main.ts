/** `npm run simulate`: wearables without hardware for any host stack that speaks H4. */
import { isFault } from '../protocol/fault.ts';
import { type H4Place, serveH4 } from './hci/h4-server.ts';
import { createScaledClock } from './hci/sim-clock.ts';
import { VirtualController } from './hci/virtual-controller.ts';
import { describeCapture, type ImportSettings, importCapture } from './import-capture.ts';
import { createWearables, runWearables } from './live.ts';
import { HELP, readSimulateConfig, type ServeSettings } from './simulate-config.ts';

const EXIT_FAILED = 1;
const EXIT_BAD_USAGE = 2;

async function main(): Promise<number> {
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
    case 'import':
      return runImport(config.settings);
  }
}

function runImport(settings: ImportSettings): number {
  try {
    process.stdout.write(importCapture(settings));
    return 0;
  } catch (error) {
    if (!isFault(error, 'not-found')) throw error;
    process.stderr.write(`simulate: ${error.message} with --device\n${describeCapture(settings.input)}`);
    return EXIT_FAILED;
  }
}

/** Ends when the process is told to stop. */
async function serve({ place, seed, speed, kinds }: ServeSettings): Promise<void> {
  const stopAsked = new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
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
