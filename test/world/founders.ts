/** Who sets a world up where nothing is there yet: operator, patients and installers, who go on trying until it stands. */
import { join } from 'node:path';
import { isEnrolled } from '../../edge-agent/enrol.ts';
import { ALL_CLASSES } from '../../protocol/consent-event.ts';
import { isFault } from '../../protocol/fault.ts';
import { runAs } from './scheduler.ts';
import type { Home, World } from './world.ts';

export class Founders {
  readonly #world: World;
  /** Record-local ids of the patients who were admitted, by index. */
  readonly #ids: string[] = [];
  readonly #asked = new Set<number>();
  /** Enrolment codes that were handed out and not refused, by home. */
  readonly #codes = new Map<Home, string>();

  constructor(world: World) {
    this.#world = world;
  }

  start(): void {
    this.#world.startHub();
    for (const home of this.#world.homes) {
      this.#world.startHome(home, {
        codeOf: () => this.#codeOf(home),
        isExcused: (error) => this.#isExcused(home, error),
      });
    }
  }

  /** Does what can be done now. */
  act(): void {
    const { service, people, witness, clients, outside } = this.#world;
    if (!service) return;
    for (const [i, { signer }] of people.entries()) {
      this.#tryAsService(() => {
        const known = this.#ids[i];
        const { patients } = service.service.store;
        if (known !== undefined && !patients.byId(known)) this.#world.problem('a patient was admitted and is gone');
        this.#ids[i] = patients.admit(signer.publicKey, { name: `Patient ${i} (HTEST)`, test: true }).id;
      });
      if (this.#asked.has(i) || witness.events[i]!.length > 0) continue;
      this.#asked.add(i);
      const terms = { action: 'collect', classes: [ALL_CLASSES], period: { from: 0 } } as const;
      const done = () => void this.#asked.delete(i);
      runAs(outside, () => clients[i]!.grant(terms)).then(done, done);
    }
  }

  /** Everybody consented once. */
  get isDone(): boolean {
    return this.#world.witness.events.every((events) => events.length > 0);
  }

  #isNew({ machine }: Home): boolean {
    return !isEnrolled(join(machine.disk.directory, 'keys'));
  }

  #codeOf(home: Home): string | undefined {
    const { service } = this.#world;
    if (!this.#isNew(home) || !service || home.wearables.some(({ patient }) => !this.#ids[patient])) return undefined;
    if (!this.#codes.has(home)) {
      this.#tryAsService(() => {
        const assignments = home.wearables.map(({ address, patient }) => {
          return { patient: this.#ids[patient]!, address, addressType: 'random' as const };
        });
        this.#codes.set(home, service.service.createEnrolmentCode(assignments));
      });
    }
    return this.#codes.get(home);
  }

  /** An agent that is not enrolled may fail to start for want of a code or of the service. */
  #isExcused(home: Home, error: unknown): boolean {
    if (!this.#isNew(home) || !isFault(error)) return false;
    if (error.code === 'expired') this.#codes.delete(home);
    // "missing" may also be a key beside its state, and that must not be.
    const wantsCode = error.code === 'missing' && error.message.includes('one-time code');
    return error.code === 'expired' || error.code === 'unavailable' || wantsCode;
  }

  /** The service may be in trouble; then another time. */
  #tryAsService(work: () => void): void {
    const { service } = this.#world;
    if (!service?.process.alive) return;
    try {
      runAs(service.process, work);
    } catch {
      // nothing was promised
    }
  }
}
