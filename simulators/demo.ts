/**
 * What `npm start` shows: two patients, five wearables on the first and two on the second, two near each that wait to be
 * paired, an eye doctor who may see the first, and a chiropractor who may see nobody.
 */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { encodeBase64Url } from '../protocol/bytes.ts';
import { ALL_CLASSES } from '../protocol/consent-event.ts';
import { isFault } from '../protocol/fault.ts';
import type { Instant } from '../protocol/time.ts';
import type { StartSettings } from './config.ts';
import { createScaledClock } from './hci/sim-clock.ts';
import { VirtualController } from './hci/virtual-controller.ts';
import { openVirtualTransport } from './hci/virtual-transport.ts';
import { createWearables, runWearables, WEARABLE_KINDS, type WearableKind } from './live.ts';
import { admitPatient, consentToCollect, type SimulatedPatient } from './patients.ts';
import { openWorld, type World } from './world.ts';

const PAGES = fileURLToPath(new URL('../consoles/dist', import.meta.url));

const PEOPLE: readonly { slug: string; name: string; kinds: readonly WearableKind[] }[] = [
  { slug: 'ada', name: 'Ada Lindqvist (HTEST)', kinds: WEARABLE_KINDS },
  { slug: 'ben', name: 'Ben Okafor (HTEST)', kinds: ['strap', 'cgm'] },
];

/** Wearables in the air of each home that are not paired yet. */
const SPARE: readonly WearableKind[] = ['thermometer', 'oximeter'];

const STAFF = {
  eyeDoctor: { id: 'htest-eye-doctor', name: 'Dr. Iris Vance (HTEST)', occupation: 'ophthalmologist' },
  chiropractor: { id: 'htest-chiropractor', name: 'Carl Bonner (HTEST)', occupation: 'chiropractor' },
} as const;

export interface Demo {
  readonly world: World;
  /** Where to look, with one-time links. */
  readonly greeting: string;
  stop(): Promise<void>;
}

interface Seeded {
  readonly patient: SimulatedPatient;
  readonly name: string;
  /** Shared with the patient's browser in the fragment of the link, which no server sees. */
  readonly linkSecret: Uint8Array;
}

/** How often a patient's keyring looks for a browser that wants to sign for the patient. */
const KEYRING_MS = 1000;

export async function startDemo(
  { directory, port, seed, speed }: StartSettings,
  onTrouble: (what: string) => void = () => undefined,
): Promise<Demo> {
  const world = await openWorld({ directory, httpPort: port, mqttPort: 0, pages: PAGES, onTrouble });
  try {
    for (const { id, name, occupation } of Object.values(STAFF)) world.admitStaff(id, name, occupation);
    const stops: (() => void)[] = [];
    const seeded: Seeded[] = [];
    for (const [i, { slug, name, kinds }] of PEOPLE.entries()) {
      const patient = admitUnlessErased(world, directory, slug, name);
      if (!patient) continue;
      await consentToCollect(patient);
      // Homes are numbered: their folders lie beside the record, and a folder name can be read by anybody.
      stops.push(await startHome(world, patient, { home: `home-${i + 1}`, slug, kinds, seed: seed + i, speed }));
      seeded.push({ patient, name, linkSecret: new Uint8Array(randomBytes(32)) });
    }
    if (seeded[0]) await letSee(seeded[0].patient, STAFF.eyeDoctor.id);
    const keyring = setInterval(() => {
      // A refusal is asked for again in a second; the page says that it waits.
      for (const { patient, linkSecret } of seeded) patient.client.admitBrowsers(linkSecret).catch(() => undefined);
    }, KEYRING_MS);
    return {
      world,
      greeting: greet(world, directory, seeded),
      async stop() {
        clearInterval(keyring);
        for (const stop of stops) stop();
        await world.stop();
      },
    };
  } catch (error) {
    await world.stop();
    throw error;
  }
}

interface HomeOptions {
  readonly home: string;
  readonly slug: string;
  readonly kinds: readonly WearableKind[];
  readonly seed: number;
  readonly speed: number;
}

async function startHome(world: World, patient: SimulatedPatient, options: HomeOptions): Promise<() => void> {
  const { home, slug, kinds, seed, speed } = options;
  // Simulated time never runs backward over a restart, however fast it ran before.
  const startAt: Instant = Math.max(Date.now(), world.newestReadingAt(patient.id) + 1000);
  const clock = createScaledClock({ startAt, speed, monotonic: () => performance.now() });
  const controller = new VirtualController({ clock });
  const wearables = createWearables({ seed, name: slug, kinds, startedAt: startAt });
  // On the air and nobody's: for whoever wants to pair one.
  const spare = createWearables({ seed, name: `${slug} spare`, kinds: SPARE, label: 'new', startedAt: startAt });
  for (const { device } of [...wearables, ...spare]) controller.add(device);
  await world.startHome({
    name: home,
    transport: openVirtualTransport(controller),
    zoneOf: () => 0,
    assignments: wearables.map(({ device }) => ({
      patient: patient.id,
      address: device.address,
      addressType: device.addressType,
    })),
    batch: { maxLeaves: 500, maxAgeMs: 2000 },
  });
  return runWearables([...wearables, ...spare], () => clock.now(), speed);
}

/** The first patient's grant to the eye doctor, unless that was decided before: a revocation outlives a restart. */
async function letSee({ client }: SimulatedPatient, grantee: string): Promise<void> {
  const { grants } = await client.consent();
  if (grants.some((grant) => grant.grantee?.id === grantee)) return;
  const period = { from: Date.now() };
  await client.grant({ action: 'disclose', grantee, classes: [ALL_CLASSES], purposes: ['TREAT'], period });
}

function greet(world: World, directory: string, seeded: readonly Seeded[]): string {
  const { service } = world;
  const rows = seeded.map(({ name, patient, linkSecret }) => {
    const link = service.createLink({ role: 'patient', patient: patient.id });
    return [name, 'patient', `${service.url}/sign-in/${link}#s=${encodeBase64Url(linkSecret)}`];
  });
  for (const [key, { id, name, occupation }] of Object.entries(STAFF)) {
    const link = service.createLink({ role: 'practitioner', id, purpose: 'TREAT' });
    const may = key === 'eyeDoctor' ? `${occupation}, may see ${PEOPLE[0]!.name}` : `${occupation}, may see nobody`;
    rows.push([name, may, `${service.url}/sign-in/${link}`]);
  }
  const people = rows.map(([name, what, url]) => `  ${name}, ${what}\n    ${url}`).join('\n');
  return `
Veravita is running at ${service.url} (loopback only, test data only).

One-time sign-in links; each works once, in one browser:
${people}

Data: ${directory}
Receipt: npm run -s receipt -- --data ${directory} --last 1
Pair:    npm run pair -- --key ${seeded[0]!.patient.keyFile} --url ${service.url}
Consent: npm run consent -- list --key ${seeded[0]!.patient.keyFile} --service ${service.url}
Ctrl-C stops.
`;
}

/** Undefined for who has erased their record here: their key is not admitted again. */
function admitUnlessErased(world: World, directory: string, slug: string, name: string): SimulatedPatient | undefined {
  try {
    return admitPatient(world, directory, slug, name);
  } catch (error) {
    if (isFault(error, 'erased')) return undefined;
    throw error;
  }
}
