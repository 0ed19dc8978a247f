/** A whole world in a folder of its own: service, log, agents and wearables, all real, and gone when it is closed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Identity } from '../../ingest-service/identity.ts';
import type { Patient } from '../../ingest-service/record/patients.ts';
import { addressOf } from '../../simulators/addresses.ts';
import { createHeartStrap, type HeartStrap } from '../../simulators/devices/heart-strap.ts';
import { createSimClock, type SimClock } from '../../simulators/hci/sim-clock.ts';
import { VirtualController } from '../../simulators/hci/virtual-controller.ts';
import { openVirtualTransport } from '../../simulators/hci/virtual-transport.ts';
import { admitPatient, type SimulatedPatient } from '../../simulators/patients.ts';
import { type Home, openWorld, type World, type WorldConfig } from '../../simulators/world.ts';
import { type RawAnswer, type RawRequest, type RawStream, rawRequest, rawStream } from './raw-http.ts';

/** 2026-03-01T08:00:00Z, where simulated time starts. */
export const STARTED_AT = Date.UTC(2026, 2, 1, 8);

export const EYE_DOCTOR = 'eye-doctor';
export const CHIROPRACTOR = 'chiropractor';

/** A signed-in person's requests. */
export interface Session {
  get(path: string): Promise<RawAnswer>;
  request(request: Omit<RawRequest, 'cookie'>): Promise<RawAnswer>;
  stream(path: string): RawStream;
}

/** One agent and the heart straps around it, under a clock that stands still until somebody moves it. */
export interface StrapHome {
  readonly agent: Home;
  readonly clock: SimClock;
  readonly straps: readonly HeartStrap[];
  /** A second passes and a strap says this; the answer is when. */
  beat(heartRate: number, strap?: number): Promise<number>;
  /** All that was heard is filed and in a signed checkpoint. */
  settle(): Promise<void>;
}

export interface TestWorld extends World {
  readonly directory: string;
  patient(name: string): SimulatedPatient;
  /** Of a patient, as the record has it. */
  recordOf(patient: SimulatedPatient): Patient;
  signIn(who: Identity): Promise<Session>;
  /** A home with a strap for each patient. */
  strapHome(
    name: string,
    wearers: readonly SimulatedPatient[],
    batch?: { maxLeaves: number; maxAgeMs: number },
  ): Promise<StrapHome>;
  /** Stops it and removes the folder. */
  close(): Promise<void>;
}

/** `directory`: one that an earlier world left when it was stopped. */
export async function openTestWorld(
  directory = mkdtempSync(join(tmpdir(), 'veravita-world-')),
  more: Pick<WorldConfig, 'onErasingStep'> = {},
): Promise<TestWorld> {
  const world = await openWorld({ directory, httpPort: 0, mqttPort: 0, checkpointMs: 50, ...more });
  const { service } = world;
  const streams: RawStream[] = [];
  world.admitStaff(EYE_DOCTOR, 'Eye Doctor (HTEST)', 'ophthalmologist');
  world.admitStaff(CHIROPRACTOR, 'Chiropractor (HTEST)', 'chiropractor');

  let stopped: Promise<void> | undefined;
  function stop(): Promise<void> {
    for (const stream of streams) stream.close();
    stopped ??= world.stop();
    return stopped;
  }

  return {
    ...world,
    directory,
    patient: (name) => admitPatient(world, directory, name.toLowerCase().replaceAll(/[^a-z]+/g, '-'), name),
    recordOf: ({ id }) => service.store.patients.byId(id)!,

    async signIn(who) {
      const base = service.url;
      const { bytes } = await rawRequest(base, { path: `/sign-in/${service.createLink(who)}` });
      const cookie = /set-cookie: ([^;]+)/i.exec(bytes)?.[1];
      if (cookie === undefined) throw new Error('the link did not sign in');
      return {
        get: (path) => rawRequest(base, { path, cookie }),
        request: (request) => rawRequest(base, { ...request, cookie }),
        stream(path) {
          const stream = rawStream(base, { path, cookie });
          streams.push(stream);
          return stream;
        },
      };
    },

    async strapHome(name, wearers, batch = { maxLeaves: 500, maxAgeMs: 20 }) {
      const clock = createSimClock(STARTED_AT);
      const controller = new VirtualController({ clock, advertisingIntervalMs: 10 });
      const straps = wearers.map((_, i) =>
        controller.add(
          createHeartStrap({ address: addressOf(`${name} ${i}`), name: `HTEST strap ${i}`, serial: `S-${i}` }),
        ),
      );
      const agent = await world.startHome({
        name,
        transport: openVirtualTransport(controller),
        zoneOf: () => 0,
        assignments: straps.map(({ address, addressType }, i) => ({ patient: wearers[i]!.id, address, addressType })),
        batch,
      });
      return {
        agent,
        clock,
        straps,
        async beat(heartRate, strap = 0) {
          clock.set(clock.now() + 1000);
          const at = clock.now();
          while (!(await straps[strap]!.beat({ heartRate }))) await straps[strap]!.whenHeard();
          return at;
        },
        async settle() {
          let settled = false;
          const done = agent.settled().then(() => {
            settled = true;
          });
          while (!settled) {
            await world.settle();
            await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 20))]);
          }
        },
      };
    },

    stop,

    async close() {
      await stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Terms that let a clinician see everything for treatment. */
export function discloseTo(grantee: string) {
  return { action: 'disclose', grantee, purposes: ['TREAT'], classes: ['*'], period: { from: 0 } } as const;
}

/** A clinician at work. */
export function practitioner(id: string): Identity {
  return { role: 'practitioner', id, purpose: 'TREAT' };
}
