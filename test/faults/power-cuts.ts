/** Cuts the power of the place where the agent is, of that where the service is, or of both. */
import { setTimeout as pause } from 'node:timers/promises';
import { createRandom } from '../../simulators/random.ts';
import { FaultSite, PROGRAMS, type ProgramName, type SiteOptions } from './fault-site.ts';
import { PowerBox } from './power-box.ts';

export interface PowerSite {
  readonly site: FaultSite;
  /** Cuts so often, at the soonest when so many more values are confirmed; figures by what lost its power. */
  cut(cuts: number, seed: number, confirmed?: number): Promise<Record<string, number>>;
  close(): Promise<void>;
}

const PLACES = ['home', 'hospital'] as const;
const RUNNING_AT: Readonly<Record<(typeof PLACES)[number], readonly ProgramName[]>> = {
  home: ['agent'],
  hospital: ['service', 'writer'],
};
/** Longest time with power. */
const LONGEST_MS = 1500;
const MEGABYTES = 96;

export async function openPowerSite(launch: SiteOptions['launch'] = {}): Promise<PowerSite> {
  const boxes = { home: new PowerBox(MEGABYTES), hospital: new PowerBox(MEGABYTES) };
  const { home, hospital } = boxes;
  const site = await FaultSite.open({ directory: hospital.directory, agentDirectory: home.directory, launch });
  return {
    site,
    async cut(cuts, seed, confirmed = 0) {
      const random = createRandom(seed);
      const done: Record<string, number> = {};
      site.producer.start();
      for (let n = 0; n < cuts; n++) {
        site.start();
        // Now and then while something still starts, else when all of it works.
        if (random() < 0.7) await Promise.all(PROGRAMS.map((name) => site.programs[name].whenReady()));
        const enough = site.producer.confirmed + confirmed;
        for (; site.producer.confirmed < enough; await pause(5)) site.start();
        await pause(random() * LONGEST_MS * random());
        const fate = random();
        const places = fate < 0.35 ? PLACES.slice(0, 1) : fate < 0.7 ? PLACES.slice(1) : PLACES;
        for (const place of places) boxes[place].cut();
        // A moment in which they run on, and find that nothing can be written.
        await pause(random() * 20);
        await Promise.all(
          places.flatMap((place) => RUNNING_AT[place]).map((name) => site.programs[name].end('SIGKILL')),
        );
        for (const place of places) {
          boxes[place].unmount();
          boxes[place].mount();
          done[place] = (done[place] ?? 0) + 1;
        }
      }
      await site.producer.stop();
      return done;
    },
    async close() {
      await site.close();
      home.close();
      hospital.close();
    },
  };
}
