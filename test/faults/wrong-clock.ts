/**
 * Preloaded into a process whose clock is to be wrong: it shows so many milliseconds more than the right one as a file says,
 * read again ten times a second, so that it can jump while the process runs.
 */
import { readFileSync } from 'node:fs';

const file = process.env.FAULTS_CLOCK_FILE!;
const realNow = Date.now;
let offset = 0;

function look(): void {
  offset = Number(readFileSync(file, 'utf8')) || 0;
}

look();
setInterval(look, 100).unref();
Date.now = () => realNow() + offset;
