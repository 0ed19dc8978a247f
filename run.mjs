/**
 * Runs a program of this project on Node 24: `node run.mjs PROGRAM [ARGUMENTS]`. Where the Node at hand is older, the one
 * that `npm ci` brought takes over. npm 11 links that one as `node` for scripts; npm 10 drops the link, because two
 * packages (one for each processor) offer the same name.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';

/**
 * Node joins its compiling threads when it ends, and one of them that just then waits for the collector of the main thread
 * waits for ever (nodejs/node#54918). So nothing is compiled beside the program; what it starts itself is given patience.
 */
const COMPILING = ['--no-concurrent-sparkplug', '--no-concurrent-recompilation'];

const [program, ...args] = process.argv.slice(2);
if (Number.parseInt(process.versions.node, 10) >= 24) {
  process.argv.splice(1, 1);
  for (const flag of COMPILING) setFlagsFromString(flag);
  await import(pathToFileURL(program).href);
} else {
  const node = fileURLToPath(new URL(`node_modules/node-linux-${process.arch}/bin/node`, import.meta.url));
  if (!existsSync(node)) {
    console.error(`Veravita needs Node 24 or later; this is ${process.version}. On Linux, "npm ci" brings it along.`);
    process.exit(1);
  }
  const child = spawn(node, [...process.execArgv, ...COMPILING, program, ...args], { stdio: 'inherit' });
  // The terminal sends Ctrl-C to both; the child decides when it has stopped.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => signal === 'SIGTERM' && child.kill(signal));
  child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
}
