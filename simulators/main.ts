/** `npm start`: all of Veravita on this machine, with simulated patients wearing simulated wearables. */
import { isFault } from '../protocol/fault.ts';
import { HELP, readStartConfig } from './config.ts';
import { startDemo } from './demo.ts';

async function main(): Promise<number> {
  const config = readStartConfig(process.argv.slice(2));
  if ('help' in config) {
    process.stdout.write(HELP);
    return 0;
  }
  if ('problems' in config) {
    for (const problem of config.problems) process.stderr.write(`start: ${problem}\n`);
    return 2;
  }
  const stopAsked = new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  process.stdout.write('Starting ...\n');
  const demo = await startDemo(config.settings, (what) => process.stderr.write(`trouble: ${what}\n`));
  process.stdout.write(demo.greeting);
  await stopAsked;
  process.stdout.write('\nStopping ...\n');
  await demo.stop();
  const refusals = Object.entries(demo.world.service.counters.snapshot()).filter(([name]) =>
    /refused|failed/.test(name),
  );
  for (const [name, count] of refusals) process.stdout.write(`  ${name}: ${count}\n`);
  process.stdout.write(`Stopped. The same command goes on with the data in ${config.settings.directory}.\n`);
  return 0;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    const busy = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
    const message = isFault(error) || error instanceof Error ? error.message : 'failed';
    process.stderr.write(`start: ${busy ? 'the port is in use; choose another with --port' : message}\n`);
    process.exit(1);
  },
);
