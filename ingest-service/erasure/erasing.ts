/**
 * Erases one patient, step by step, each of which may be done again: a crash anywhere is mended by the next start, which
 * takes the same steps from the signed list of orders.
 *
 * 1. The order is on the list, and what to look for is noted: from here it will be done.
 * 2. One transaction destroys keys, salts and rows and leaves tombstones; in the same tick the memory forgets. From here
 *    nobody can be shown anything.
 * 3. The inbox is overwritten, the write-ahead log is emptied, and agents are told.
 * 4. Every store is looked through; where something is found the file is written anew.
 * 5. The certificate is signed and committed to the log. Each agent that confirms later makes a new one.
 */
import { randomBytes } from 'node:crypto';
import type { AgentAction } from '../../protocol/agent-action.ts';
import { commitmentOf } from '../../protocol/commitment.ts';
import { appendEvent } from '../../protocol/consent-chain.ts';
import type { Signer, Verify } from '../../protocol/cose.ts';
import {
  agentErasureMark,
  ERASURE_ID_OCTETS,
  type ErasureOrder,
  erasureMark,
  readErasureCertificate,
  signErasureCertificate,
  signErasureOrder,
} from '../../protocol/erasure.ts';
import { type AgentId, decodeId } from '../../protocol/keys.ts';
import type { Clock } from '../../protocol/time.ts';
import type { Counters } from '../counters.ts';
import type { KeptErasure } from '../record/erasures.ts';
import type { Patient } from '../record/patients.ts';
import type { RecordStore } from '../record/record-sqlite.ts';
import type { OrderList } from './order-list.ts';
import { type SweptFolders, sweepStores } from './sweep.ts';
import type { WorkFiles } from './work-file.ts';

/** Where an erasure is; told to whoever follows it, such as a test that ends the process there. */
export const ERASING_STEPS = [
  'ordered',
  'noted',
  'destroyed',
  'inbox-trimmed',
  'agents-told',
  'verified',
  'certified',
  'done',
] as const;
export type ErasingStep = (typeof ERASING_STEPS)[number];

export interface ErasingDeps {
  readonly store: RecordStore;
  readonly signer: Signer;
  readonly verify: Verify;
  readonly orders: OrderList;
  readonly works: WorkFiles;
  readonly folders: SweptFolders;
  readonly clock: Clock;
  readonly counters: Counters;
  /** Forgets, in memory, a patient whose rows are gone; ends what is open for them. Must not throw. */
  readonly forget: (patient: Patient) => void;
  /** By what all that is in the inbox now is known on the disk. */
  readonly inboxNeedles: () => Promise<readonly Uint8Array[]>;
  /** Files what the inbox holds and overwrites it; `mark`: an id that was not used before. */
  readonly trimInbox: (mark: string) => Promise<void>;
  readonly act: (agent: AgentId, actions: readonly AgentAction[]) => Promise<boolean>;
  /** Hands over what was committed. */
  readonly relay: () => void;
  readonly onStep?: (step: ErasingStep) => void;
}

export type Erasing = ReturnType<typeof createErasing>;

export function createErasing(deps: ErasingDeps) {
  const { store, signer, verify, orders, works, folders, clock, counters, onStep = () => undefined } = deps;
  /** Read from the list and not carried out: a full disk may keep one waiting. */
  const waiting = new Map<string, ErasureOrder>();
  /** Carried out and not certified. */
  const open = new Map<string, ErasureOrder>();
  let working: Promise<void> | undefined;
  let stopped = false;

  const keyOf = (id: Uint8Array) => Buffer.from(id).toString('hex');

  /** Steps 1 and 2, in one tick. */
  function carryOut(order: ErasureOrder, patient: Patient | undefined): void {
    const { id, mark, request } = order;
    if (!patient && store.erasures.get(id)) {
      open.set(keyOf(id), order);
      return;
    }
    if (patient) {
      const known = works.load(id)?.needles ?? [];
      works.save(id, { patient: patient.id, needles: [...known, ...store.patientRows.needles(patient)] });
    }
    onStep('noted');
    const erasedAt = clock();
    store.transaction(() => {
      if (request) store.commitments.add(commitmentOf('consent', request));
      const agents = patient ? store.agents.agentsOf(patient.id) : [];
      const counts = patient ? store.patientRows.destroy(patient, erasedAt) : { segments: 0, leaves: 0 };
      store.erasures.add({ id, mark, erasedAt, number: 0, ...counts }, agents);
    });
    // Durable line: the keys are gone, and nothing is shown any more.
    if (patient) deps.forget(patient);
    open.set(keyOf(id), order);
    counters.add('patients.erased');
    onStep('destroyed');
  }

  function patientOf({ id, mark }: ErasureOrder): Patient | undefined {
    return store.patients.all().find(({ subject }) => keyOf(erasureMark(id, subject)) === keyOf(mark));
  }

  /** Orders that came in by the list, and those of before whose patient an older record brought back. */
  function takeOrders(): void {
    for (const order of orders.fresh()) waiting.set(keyOf(order.id), order);
    for (const [key, order] of [...waiting]) {
      const kept = store.erasures.get(order.id);
      const patient = patientOf(order);
      if (patient || !kept?.statements || kept.number === 0) carryOut(order, patient);
      else works.remove(order.id);
      waiting.delete(key);
    }
  }

  async function workOn(): Promise<void> {
    try {
      takeOrders();
      await finishAll();
    } catch {
      counters.add('erasures.failed'); // tried again by the clock, and at the next start
    }
  }

  /** Steps 3 to 5 of all that is open, one after the other. */
  async function finishAll(): Promise<void> {
    for (const [key, order] of [...open]) {
      if (stopped) return;
      if (await finish(order)) open.delete(key);
    }
  }

  async function finish({ id }: ErasureOrder): Promise<boolean> {
    const known = works.load(id) ?? { patient: '', needles: [] };
    const work = { ...known, needles: [...known.needles, ...(await deps.inboxNeedles())] };
    await deps.trimInbox(`erasure ${keyOf(id)} ${store.erasures.get(id)!.erasedAt}`);
    store.compact(false);
    onStep('inbox-trimmed');
    for (const { agent } of store.erasures.agentsOf(id)) await deps.act(agent, actionsFor(agent));
    onStep('agents-told');
    let statements = await sweepStores(store, folders, work);
    if (statements.some(({ found }) => found > 0)) {
      store.compact(true);
      statements = await sweepStores(store, folders, work);
    }
    if (stopped) return false;
    if (statements.some(({ found }) => found > 0)) {
      counters.add('erasures.incomplete');
      return false;
    }
    store.transaction(() => store.erasures.noteVerified(id, statements));
    onStep('verified');
    certify(id);
    onStep('certified');
    works.remove(id);
    counters.add('erasures.certified');
    onStep('done');
    return true;
  }

  /** Signs what is known now; the caller need not hold a transaction. */
  function certify(id: Uint8Array): void {
    const kept = store.erasures.get(id);
    const order = orderOf(id);
    if (!kept?.statements || !order) return;
    const agents = store.erasures.agentsOf(id).map(({ agent, confirmedAt }) => ({
      agent: agentErasureMark(id, decodeId(agent)),
      ...(confirmedAt !== undefined && { confirmedAt }),
    }));
    const { mark: _, ...asked } = order;
    const { erasedAt, segments, leaves, statements } = kept;
    const number = kept.number + 1;
    const about = { ...asked, number, erasedAt, issuedAt: clock(), segments, leaves, statements, agents };
    const certificate = signErasureCertificate(about, signer);
    store.transaction(() => {
      store.erasures.noteCertificate(id, number, certificate);
      store.commitments.add(commitmentOf('erasure', readErasureCertificate(certificate).id));
    });
    deps.relay();
  }

  /** The terms of an erasure that was carried out: those of its newest certificate, or of its order. */
  function orderOf(id: Uint8Array): ErasureOrder | undefined {
    const order = open.get(keyOf(id));
    if (order) return order;
    const kept = store.erasures.get(id);
    if (!kept?.certificate) return undefined;
    const { basis, request, at } = readErasureCertificate(kept.certificate).certificate;
    return { id, mark: kept.mark, basis, at, ...(request && { request }) };
  }

  /** What an agent has to be told, each time that it says hello: a restored agent erases again, too. */
  function actionsFor(agent: AgentId): AgentAction[] {
    return store.erasures.ofAgent(agent).map(({ id, mark }) => ({ type: 'erase', id, mark }));
  }

  return {
    /** At the start, before anything is shown or filed: whatever the list names is destroyed, also in a restored record. */
    resume: takeOrders,

    /** Goes on with what is not finished; never rejects. Also by the clock, for orders of an operator. */
    goOn(): Promise<void> {
      if (stopped) return Promise.resolve();
      working ??= workOn().finally(() => {
        working = undefined;
      });
      return working;
    },

    /**
     * On the patient's own signed event. When it returns the keys are destroyed; the rest follows. Throws `bad-chain`,
     * `bad-signature`, `malformed`, `unavailable`.
     */
    erase(patient: Patient, signed: Uint8Array): Uint8Array {
      const { head } = appendEvent(store.consents.state(patient), signed, verify);
      const id = new Uint8Array(randomBytes(ERASURE_ID_OCTETS));
      const mark = erasureMark(id, patient.subject);
      const order = { id, mark, basis: 'patient', request: head, at: clock() } as const;
      orders.add(signErasureOrder(order, signer));
      // Durable line: whatever happens now, it will be carried out.
      onStep('ordered');
      carryOut(order, patient);
      return id;
    },

    actionsFor,

    /** An agent says that it is done. */
    confirm(agent: AgentId, id: Uint8Array): void {
      if (!store.transaction(() => store.erasures.confirm(id, agent, clock()))) return;
      counters.add('erasures.confirmed');
      certify(id);
    },

    get: (id: Uint8Array): KeptErasure | undefined => store.erasures.get(id),

    async stop(): Promise<void> {
      stopped = true;
      await working;
    },
  };
}
