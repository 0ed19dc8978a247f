/**
 * Names, values and keys are planted where they are wanted, and then looked for everywhere else: in every file of the data
 * directory but the key folder, in what processes print, and on the wire to the broker.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAgent } from '../edge-agent/agent.ts';
import { createContentSealer, sealBatch } from '../edge-agent/seal.ts';
import { leafHash, NO_BATCH } from '../protocol/batch.ts';
import { decodeHex, encodeBase64Url, encodeHex } from '../protocol/bytes.ts';
import { encodeCbor, sensorValueToCbor } from '../protocol/cbor.ts';
import { encodeHeartRateMeasurement } from '../protocol/gatt/heart-rate.ts';
import { encodeId, thumbprint } from '../protocol/keys.ts';
import { encodeLeaf } from '../protocol/leaf.ts';
import { MDC } from '../protocol/vital-signs.ts';
import { addressOf } from '../simulators/addresses.ts';
import {
  type Canary,
  type Haystack,
  readFolder,
  scan,
  secretCanaries,
  textCanaries,
} from '../simulators/audit/canary-scan.ts';
import { createHeartStrap } from '../simulators/devices/heart-strap.ts';
import { createSimClock } from '../simulators/hci/sim-clock.ts';
import { VirtualController } from '../simulators/hci/virtual-controller.ts';
import { openVirtualTransport } from '../simulators/hci/virtual-transport.ts';
import { consentToCollect } from '../simulators/patients.ts';
import { newSigner } from './support/raw-agent.ts';
import { rawRequest } from './support/raw-http.ts';
import { readingLeaves } from './support/receipt-builder.ts';
import { openTcpTap, publishesIn } from './support/tcp-tap.ts';
import { discloseTo, EYE_DOCTOR, openTestWorld, practitioner, STARTED_AT } from './support/test-world.ts';
import { until } from './support/until.ts';

const ROOT = join(import.meta.dirname, '..');
/** In the recording as its wearer, in the record as a name. */
const RECORDED = 'Quibblefax-Zwetschkenbaum';
const NAME = 'Ottokar Wunderlichstein';
const SERIAL = 'SN-PLANTED-7731';
/** As text, and as a decimal fraction in CBOR. */
const TEMPERATURES = ['39.1357', '36.8642', '38.24681'];
const GLUCOSE = '187.3';
const CSV = `subject,measuredAt,body-temperature [Cel],glucose [mg/dL]
${RECORDED},2026-02-03T04:05:06,${TEMPERATURES[0]},${GLUCOSE}
${RECORDED},2026-02-03T04:10:06,${TEMPERATURES[1]},
${RECORDED},2026-02-03T04:15:06,${TEMPERATURES[2]},
`;
/** Three bytes of energy and intervals make a notification that does not come about by chance. */
const BEAT = { heartRate: 213, rr1024: [287, 291, 1003, 477] } as const;

const directory = mkdtempSync(join(tmpdir(), 'veravita-canary-'));
const outside = mkdtempSync(join(tmpdir(), 'veravita-canary-in-'));
const printed: Haystack[] = [];
const topics: string[] = [];
let wire: Buffer;
let whileRunning: Haystack[];
let subjects: Uint8Array[];

/** Runs a command of ours, whose output is looked through. */
async function run(name: string, args: readonly string[], untilPrinted?: RegExp): Promise<string> {
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output.stdout += chunk;
  });
  const errors = text(child.stderr);
  const gone = once(child, 'exit');
  if (untilPrinted) {
    await until(`${name} says where to look`, () => untilPrinted.test(output.stdout) || child.exitCode !== null);
    if (child.exitCode !== null) throw new Error(`${name} ended: ${await errors}`);
    const [, url, link] = /running at (\S+)[\s\S]*?\/(sign-in\/[a-z2-7]+)/.exec(output.stdout)!;
    const { bytes } = await rawRequest(url!, { path: `/${link}` });
    const cookie = /set-cookie: ([^;]+)/i.exec(bytes)![1]!;
    await until('simulated wearables are at work', async () => {
      const overview = await rawRequest(url!, { path: '/api/patient/overview', cookie });
      return (JSON.parse(overview.body) as { readings: number }).readings > 5;
    });
    child.kill('SIGINT');
  }
  await gone;
  printed.push({ name: `errors of ${name}`, bytes: Buffer.from(await errors) });
  return output.stdout;
}

beforeAll(async () => {
  const file = join(outside, 'recording.csv');
  writeFileSync(file, CSV);
  const progress = await run('replay', ['simulators/replay-main.ts', file, '--data', directory]);
  expect(progress).toContain('lost                        0');
  printed.push({ name: 'output of replay', bytes: Buffer.from(progress) });

  const world = await openTestWorld(directory);
  const { service } = world;
  const patient = world.patient(`${NAME} (HTEST)`);
  await consentToCollect(patient);
  await patient.client.grant(discloseTo(EYE_DOCTOR));
  const tap = await openTcpTap(Number(new URL(service.brokerUrl).port));
  tap.open();
  const clock = createSimClock(STARTED_AT);
  const controller = new VirtualController({ clock, advertisingIntervalMs: 10 });
  const strap = controller.add(createHeartStrap({ address: addressOf('canary'), name: 'HTEST strap', serial: SERIAL }));
  const { address, addressType } = strap;
  const lines: object[] = [];
  const agent = await startAgent({
    stateDirectory: join(directory, 'agents', 'home'),
    keysDirectory: join(directory, 'keys', 'agents', 'home'),
    serviceUrl: service.url,
    brokerUrl: `mqtt://127.0.0.1:${tap.port}`,
    code: service.createEnrolmentCode([{ patient: patient.id, address, addressType }]),
    transport: openVirtualTransport(controller),
    zoneOf: () => 0,
    test: true,
    batch: { maxLeaves: 500, maxAgeMs: 600_000 },
    heartbeatMs: 600_000,
    log: {
      info: (...line) => void lines.push(line),
      warn: (...line) => void lines.push(line),
      error: (...line) => void lines.push(line),
    },
  });
  await strap.whenHeard();
  expect(await strap.beat(BEAT)).toBe(true);
  await until('it is pending', () => agent.status().heard > 0);
  // Pending readings, sealed batches on their way, the inbox, and the record: with and without their write-ahead logs.
  whileRunning = readFolder(directory, (path) => path.startsWith('keys'));
  await agent.flush();
  await until('it is held', () => agent.status().held > 0);
  whileRunning.push(...readFolder(directory, (path) => path.startsWith('keys')));
  await world.settle();

  // People look, and make mistakes.
  const doctor = await world.signIn(practitioner(EYE_DOCTOR));
  const own = await world.signIn({ role: 'patient', patient: patient.id });
  const search = await doctor.get(`/fhir/R4/Observation?patient=${patient.id}`);
  expect(search.body).toContain(`"value":${BEAT.heartRate}`);
  const id = /"fullUrl":"[^"]*\/Observation\/([^"]+)"/.exec(search.body)![1]!;
  expect((await own.get(`/api/patient/receipts/${id}`)).status).toBe(200);
  expect((await own.get('/api/patient/overview')).body).toContain(NAME);
  const mistakes = [
    `/fhir/R4/Observation?patient=${encodeURIComponent(NAME)}`,
    `/fhir/R4/Patient/${RECORDED}`,
    `/${NAME}`,
  ];
  for (const path of mistakes)
    printed.push({ name: 'an answer', bytes: Buffer.from((await doctor.get(encodeURI(path))).body) });
  const counters = JSON.stringify(service.counters.snapshot());
  expect(counters).toContain('batches.filed');
  printed.push({ name: 'counters', bytes: Buffer.from(counters + (await doctor.get('/health')).body) });
  printed.push({ name: 'log of the agent', bytes: Buffer.from(JSON.stringify(lines)) });

  subjects = service.store.patients.all().map(({ subject }) => subject);
  whileRunning.push(...readFolder(directory, (path) => path.startsWith('keys')));
  await agent.stop();
  await world.stop();
  wire = Buffer.concat([tap.sent(), tap.received()]);
  topics.push(...[...publishesIn(tap.sent()), ...publishesIn(tap.received())].map(({ topic }) => topic));
  await tap.close();

  await run('receipt', ['ingest-service/receipt-main.ts', '--data', directory, '--last', '2', '--out', outside]);
  const greeting = await run('start', ['simulators/main.ts', '--data', join(outside, 'demo'), '--port', '0'], /Ctrl-C/);
  expect(greeting).toContain('Stopped');
  printed.push({ name: 'output of start', bytes: Buffer.from(greeting) });
}, 60_000);

afterAll(() => {
  for (const folder of [directory, outside]) rmSync(folder, { recursive: true, force: true });
});

/** Every secret that a file below `keys/` holds. */
function secretsOf(folder: string): { what: string; secret: Uint8Array }[] {
  return readdirSync(join(folder, 'keys'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(?:key|json)$/.test(entry.name))
    .flatMap((entry) => {
      const content = readFileSync(join(entry.parentPath, entry.name), 'utf8');
      const hex = /\b[0-9a-f]{64}\b/.exec(content)?.[0];
      const what = `${entry.parentPath.slice(folder.length)}/${entry.name}`;
      if (hex) return [{ what, secret: decodeHex(hex) }];
      const { broker } = JSON.parse(content) as { broker: { password: string } };
      return [{ what, secret: new Uint8Array(Buffer.from(broker.password, 'base64url')) }];
    });
}

const secretsIn = (folder: string) => secretsOf(folder).flatMap(({ what, secret }) => secretCanaries(what, secret));
const decimal = (mantissa: number, exponent: number): Canary => ({
  what: `${mantissa}e${exponent} (CBOR)`,
  bytes: Buffer.from(encodeCbor(sensorValueToCbor({ mantissa, exponent }))),
});
const personal = () => [
  ...textCanaries('recorded name', RECORDED),
  ...textCanaries('name', NAME),
  ...textCanaries('serial number', SERIAL),
  ...[...TEMPERATURES, GLUCOSE].flatMap((value) => textCanaries(`value ${value}`, value)),
  decimal(391357, -4),
  decimal(368642, -4),
  decimal(3824681, -5),
  {
    what: 'notification',
    bytes: Buffer.from(
      encodeHeartRateMeasurement({ ...BEAT, contactSupported: true, contactDetected: true, energyKJ: null }),
    ),
  },
];
const handles = () =>
  subjects.flatMap((subject) =>
    [encodeId(subject), encodeHex(subject), encodeBase64Url(subject)].flatMap((form) => textCanaries('subject', form)),
  );

describe('the scan', () => {
  it('finds each canary when it is there', () => {
    const all = [...personal(), ...handles(), ...secretsIn(directory)];
    expect(all.length).toBeGreaterThan(200);
    const planted = all.map(({ bytes }, i) => ({
      name: `${i}`,
      bytes: Buffer.concat([Buffer.from('x'), bytes, Buffer.from('y')]),
    }));
    expect(planted.filter((haystack, i) => scan([haystack], [all[i]!]).length === 0)).toEqual([]);
    const inside = Buffer.from(`..${NAME}..`).toString('base64');
    expect(scan([{ name: 'base64', bytes: Buffer.from(inside) }], textCanaries('name', NAME))).toHaveLength(1);
  });

  it('looks at what is there: stores, write-ahead logs, tiles and output', () => {
    const names = whileRunning.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        'service/record.sqlite',
        'service/record.sqlite-wal',
        'service/inbox.sqlite',
        'agents/home/agent.sqlite',
        'log/checkpoint',
      ]),
    );
    expect(printed.length).toBeGreaterThan(6);
    expect(secretsOf(directory).length).toBe(5 + 2 + 2 * 4);
  });
});

describe('outside the key folder, in clear', () => {
  it('no name, value or serial number is in the data directory, running or stopped', () => {
    const stopped = readFolder(directory, (path) => path.startsWith('keys'));
    expect(scan([...whileRunning, ...stopped], personal())).toEqual([]);
  });

  it('no private key, storage key or credential is anywhere', () => {
    const stopped = readFolder(directory, (path) => path.startsWith('keys'));
    expect(scan([...whileRunning, ...stopped, ...printed], secretsIn(directory))).toEqual([]);
  });

  it('no handle of a patient is there as text', () => {
    const stopped = readFolder(directory, (path) => path.startsWith('keys'));
    expect(scan([...whileRunning, ...stopped, ...printed], handles())).toEqual([]);
  });

  it('nothing personal is printed, logged, counted or said in a refusal', () => {
    expect(scan(printed, personal())).toEqual([]);
  });

  it('topics name the agent only, and the wire holds nothing in clear but the credential that it is for', () => {
    expect([...new Set(topics.map((topic) => topic.replace(/\/[a-z2-7]{52}\//, '/AGENT/')))].sort()).toEqual([
      'veravita/v1/AGENT/acknowledgements',
      'veravita/v1/AGENT/batches',
      'veravita/v1/AGENT/commands',
      'veravita/v1/AGENT/reports',
    ]);
    expect(scan([{ name: 'topics', bytes: Buffer.from(topics.join('\n')) }], handles())).toEqual([]);
    expect(scan([{ name: 'wire', bytes: wire }], [...personal(), ...handles()])).toEqual([]);
  });

  it('what npm start keeps names nobody, and holds no key', () => {
    const demo = join(outside, 'demo');
    const kept = readFolder(demo, (path) => path.startsWith('keys'));
    const names = ['Lindqvist', 'Okafor', 'Ada Lindqvist', 'Iris Vance', 'Carl Bonner'].flatMap((name) =>
      textCanaries(name, name),
    );
    expect(scan(kept, [...names, ...secretsIn(demo)])).toEqual([]);
    const slugs = readdirSync(join(demo, 'keys', 'patients')).map((file) => file.replace('.json', ''));
    expect(slugs.length).toBe(2);
    expect(readdirSync(join(demo, 'agents')).filter((folder) => slugs.includes(folder))).toEqual([]);
    expect(existsSync(join(demo, 'service', 'record.sqlite'))).toBe(true);
  });
});

describe('equal readings', () => {
  it('have different leaf hashes, in one batch and in two', async () => {
    const signer = newSigner();
    const [leaf] = readingLeaves({ characteristic: 0x2a37, hex: '0647' });
    const body = encodeLeaf(leaf!);
    const repeat = encodeLeaf({ ...leaf!, heardAt: leaf!.heardAt + 1000, measuredAt: leaf!.measuredAt + 1000 });
    const sealContent = await createContentSealer(new Uint8Array(32).fill(9));
    const seal = (bodies: readonly Uint8Array[]) =>
      sealBatch(
        bodies,
        { agent: thumbprint(signer.publicKey), boot: new Uint8Array(16), sequence: 1, previous: NO_BATCH },
        { signer, sealContent, spokenOf: () => 0 },
      );
    const [once, again] = [await seal([body]), await seal([body])];
    expect(encodeHex(once.header.root)).not.toBe(encodeHex(again.header.root));
    expect(repeat).not.toEqual(body);

    const world = await openTestWorld();
    try {
      const ada = world.patient('Ada (HTEST)');
      await consentToCollect(ada);
      const home = await world.strapHome('home', [ada], { maxLeaves: 4, maxAgeMs: 20 });
      for (let i = 0; i < 20; i++) await home.beat(71);
      await home.settle();
      const { segments } = world.service.store;
      const readings = [...segments.readings(world.recordOf(ada), MDC.heartRate, { sort: 'asc' })];
      expect(new Set(readings.map(({ leaf: { value } }) => JSON.stringify(value))).size).toBe(1);
      const hashes = readings.map((reading) => encodeHex(leafHash(reading.salt, reading.body)));
      expect(new Set(hashes).size).toBe(20);
      // Not because of the time in the body: the same body under another leaf's salt hashes to something else.
      const [first, second] = readings;
      expect(encodeHex(leafHash(second!.salt, first!.body))).not.toBe(hashes[0]);
      expect(new Set(readings.map(({ salt }) => encodeHex(salt))).size).toBe(20);
    } finally {
      await world.close();
    }
  });
});
