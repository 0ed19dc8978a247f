/** What is no death: a bad network, a stopped process, a clock that jumps by years, a disk that is full. */
import { statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createRandom, type Random } from '../../simulators/random.ts';
import { type ChaosProxy, openChaosProxy, type Weather } from '../support/chaos-proxy.ts';
import { FaultSite, PROGRAMS } from './fault-site.ts';
import type { Launch } from './program.ts';

const YEAR_MS = 365.25 * 86_400_000;

const WEATHERS: readonly ((random: Random) => Weather)[] = [
  () => ({ partitioned: true }),
  (random) => ({ latencyMs: 5 + random() * 150 }),
  (random) => ({ rate: 2_000 + random() * 50_000 }),
  () => ({}),
];

/** So many changes of the network between agent and broker, some of them with the end of every connection. */
export async function playNetwork(changes: number, seed: number) {
  let proxy: ChaosProxy | undefined;
  const site = await FaultSite.open({
    async brokerPort(mqttPort) {
      proxy = await openChaosProxy(mqttPort);
      return proxy.port;
    },
  });
  const random = createRandom(seed);
  site.start();
  site.producer.start();
  for (let n = 0; n < changes; n++) {
    proxy!.set(WEATHERS[Math.floor(random() * WEATHERS.length)]!(random));
    if (random() < 0.3) proxy!.cut();
    if (random() < 0.3) proxy!.reset();
    await pause(30 + random() * 400);
  }
  proxy!.set({});
  await site.producer.stop();
  return { site, proxy: proxy! };
}

/** Each process stands still at times, so that what it waits for is long past when it goes on. */
export async function stopAndContinue(site: FaultSite, times: number, seed: number): Promise<void> {
  const random = createRandom(seed);
  site.start();
  site.producer.start();
  await Promise.all(PROGRAMS.map((name) => site.programs[name].whenReady()));
  for (let n = 0; n < times; n++) {
    const program = site.programs[PROGRAMS[Math.floor(random() * PROGRAMS.length)]!];
    program.signal('SIGSTOP');
    await pause(50 + random() * 900);
    program.signal('SIGCONT');
    await pause(random() * 150);
  }
  await site.producer.stop();
}

export interface WrongClocks {
  readonly site: FaultSite;
  /** Jumps so often by up to thirty years, agent and service each by themselves; at last both are right again. */
  jump(times: number, seed: number): Promise<void>;
}

export async function openWrongClocks(folder: string): Promise<WrongClocks> {
  const fileOf = (name: string) => join(folder, `${name}.clock`);
  const set = (name: string, ms: number) => writeFileSync(fileOf(name), String(Math.round(ms)));
  const launchOf = (name: string): Launch => {
    set(name, 0);
    return { preload: ['./wrong-clock.ts'], environment: { FAULTS_CLOCK_FILE: fileOf(name) } };
  };
  const names = ['agent', 'service'] as const;
  const site = await FaultSite.open({ launch: { agent: launchOf('agent'), service: launchOf('service') } });
  return {
    site,
    async jump(times, seed) {
      const random = createRandom(seed);
      site.start();
      site.producer.start();
      await Promise.all(PROGRAMS.map((name) => site.programs[name].whenReady()));
      for (let n = 0; n < times; n++) {
        set(names[Math.floor(random() * 2)]!, (random() * 2 - 1) * 30 * YEAR_MS);
        await pause(100 + random() * 300);
        // Some of them while it is off.
        if (random() < 0.25) {
          const name = names[Math.floor(random() * 2)]!;
          await site.programs[name].end('SIGTERM');
          site.start(name);
        }
      }
      for (const name of names) set(name, 0);
      await pause(250);
      await site.producer.stop();
    },
  };
}

/** Takes all room of a disk; the answer's name is what has to go for there to be room again. */
export function fillDisk(directory: string): string {
  const filler = join(directory, 'filler');
  const { bavail, bsize } = statfsSync(directory);
  const octets = bavail * bsize;
  const chunk = Buffer.alloc(64 * 1024, 1);
  writeFileSync(filler, '');
  for (let left = octets; left > 0; left -= chunk.length) {
    try {
      writeFileSync(filler, left < chunk.length ? chunk.subarray(0, left) : chunk, { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      break;
    }
  }
  return filler;
}
