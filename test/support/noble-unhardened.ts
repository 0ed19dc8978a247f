/** Runs cases of noble-cases.ts without the mends, in a process of its own, and prints what was seen as JSON. */
import { CASES, type CaseName, openWorld, plainOperations } from './noble-cases.ts';

const names = process.argv.slice(2) as CaseName[];
const seen = await Promise.all(
  names.map(async (name) => [name, await CASES[name](await openWorld(), plainOperations())]),
);
process.stdout.write(JSON.stringify(Object.fromEntries(seen)));
process.exit(0);
