/**
 * What somebody sees who watches a world after every step: each checkpoint that was ever served, when each batch was
 * filed, and when each consent event took effect. It keeps its own idea of consent, from the signed events alone.
 */
import { encodeHex, equalBytes } from '../../protocol/bytes.ts';
import { formatGrantId } from '../../protocol/consent-chain.ts';
import { ALL_CLASSES, type CollectTerms, readConsentEvent } from '../../protocol/consent-event.ts';
import type { RunningService, RunningWriter } from './hub.ts';
import { runAs } from './scheduler.ts';
import type { World } from './world.ts';

/** What a patient permits from a step of the world on. */
interface Permission {
  readonly step: number;
  readonly grants: ReadonlyMap<string, CollectTerms>;
}

export class Witness {
  /** Notes of the log, as served, in order. */
  readonly checkpoints: string[] = [];
  /** Step at which a batch was seen in the record, by id; and ids of each agent in order. */
  readonly filedAt = new Map<string, number>();
  readonly chains = new Map<string, string[]>();
  /** By index of the patient. */
  readonly permissions: Permission[][];
  readonly events: Uint8Array[][];
  readonly #world: World;
  #isDirty = false;

  constructor(world: World) {
    this.#world = world;
    this.permissions = world.people.map(() => []);
    this.events = world.people.map(() => []);
  }

  watchService({ service }: RunningService): void {
    const { counters } = service;
    const add = counters.add.bind(counters);
    counters.add = (name, by) => {
      if (name === 'batches.filed' || name === 'consent.events') this.#isDirty = true;
      add(name, by);
    };
    this.#isDirty = true;
  }

  watchWriter({ process }: RunningWriter): void {
    process.onDeath.push(() => this.#see());
    this.#see();
  }

  look(): void {
    if (this.#world.writer) this.#see();
    if (!this.#isDirty || !this.#world.service) return;
    this.#isDirty = false;
    runAs(this.#world.service.process, () => this.#readRecord(this.#world.service!));
  }

  /** Did the patient permit to collect this, at every moment, or at any, of these steps? */
  permitted(patient: number, vital: string, device: string, from: number, to: number, how: 'always' | 'ever'): boolean {
    const list = this.permissions[patient]!;
    const inForce = list.filter(({ step }, i) => step <= to && (list[i + 1]?.step ?? Number.POSITIVE_INFINITY) >= from);
    const permits = ({ grants }: Permission) =>
      [...grants.values()].some(
        (terms) =>
          (terms.classes.includes(ALL_CLASSES) || terms.classes.includes(vital)) &&
          (terms.device === undefined || encodeHex(terms.device) === device),
      );
    return how === 'always' ? inForce.length > 0 && inForce.every(permits) : inForce.some(permits);
  }

  /** Every grant of a patient that is in the record, ended or not. */
  grantsOf(patient: number): Set<string> {
    const events = this.events[patient]!.map((signed) => readConsentEvent(signed).event);
    return new Set(events.flatMap((event) => (event.type === 'grant' ? [formatGrantId(event.grant)] : [])));
  }

  #see(): void {
    const note = this.#world.servedCheckpoint();
    if (note !== undefined && note !== this.checkpoints.at(-1)) {
      this.checkpoints.push(note);
      this.#world.note(`checkpoint of ${note.split('\n')[1]}`);
    }
  }

  #readRecord({ service: { store } }: RunningService): void {
    const { steps } = this.#world.scheduler;
    for (const agent of store.agents.ids()) {
      const chain = this.chains.get(agent) ?? [];
      this.chains.set(agent, chain);
      const newest = store.batches.newest(agent)?.sequence ?? 0;
      while (chain.length < newest) {
        const id = store.batches.idAt(agent, chain.length + 1);
        if (id === undefined) {
          this.#world.problem(`a batch is missing: ${chain.length + 1} of ${newest}`);
          return;
        }
        chain.push(id);
        this.filedAt.set(id, steps);
        this.#world.note(`filed ${chain.length} of agent`);
      }
      if (newest < chain.length) this.#world.problem(`batches were filed and are gone: ${newest} of ${chain.length}`);
    }
    for (const [i, { subject }] of this.#world.people.entries()) {
      const patient = store.patients.bySubject(subject);
      if (patient) this.#readConsent(i, store.consents.events(patient));
    }
  }

  #readConsent(patient: number, events: readonly Uint8Array[]): void {
    const known = this.events[patient]!;
    if (known.some((event, i) => !events[i] || !equalBytes(event, events[i]))) {
      this.#world.problem('a consent event is gone');
    }
    for (const signed of events.slice(known.length)) {
      const { event } = readConsentEvent(signed);
      const grants = new Map(this.permissions[patient]!.at(-1)?.grants);
      if (event.type === 'grant' && event.terms.action === 'collect')
        grants.set(formatGrantId(event.grant), event.terms);
      if (event.type === 'revoke') grants.delete(formatGrantId(event.grant));
      known.push(signed);
      this.permissions[patient]!.push({ step: this.#world.scheduler.steps, grants });
      this.#world.note(`patient ${patient} ${event.type}`);
    }
  }
}
