/**
 * The world under test: agent, ingest service and ledger writer as separate processes over one data directory, somebody who
 * measures, and the auditor at the end of every run.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createEnrolmentCode } from '../../ingest-service/enrolment.ts';
import { openOperatorRecord } from '../../ingest-service/operator.ts';
import type { DeviceAssignment } from '../../ingest-service/record/agents.ts';
import { encodeHex } from '../../protocol/bytes.ts';
import { ALL_CLASSES } from '../../protocol/consent-event.ts';
import type { AuditReport } from '../../simulators/audit/auditor.ts';
import { openPatientKey } from '../../simulators/keyring.ts';
import { createPatientClient } from '../../simulators/patient-client.ts';
import { Producer } from './producer.ts';
import { type Launch, Program } from './program.ts';

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const run = promisify(execFile);

export const PROGRAMS = ['agent', 'service', 'writer'] as const;
export type ProgramName = (typeof PROGRAMS)[number];

const STRAPS = [
  { address: 'c0:ff:ee:00:0a:01', patient: 'ada' },
  { address: 'c0:ff:ee:00:0a:02', patient: 'ben' },
] as const;
const NAMES: Readonly<Record<string, string>> = { ada: 'Adelheid Quibblefax', ben: 'Benvenuto Wunderlichstein' };

/** Far more than any audit here takes. */
const AUDIT_MS = 180_000;

export interface SiteOptions {
  /** Where the data directory is to be; else a temporary folder. Made by whoever asks, and left in place. */
  readonly directory?: string;
  /** Where the agent keeps state and keys; else below the data directory. */
  readonly agentDirectory?: string;
  /** Where an agent is to find the broker, if not directly. */
  readonly brokerPort?: (mqttPort: number) => Promise<number>;
  /** What each program is started with, whenever it is. */
  readonly launch?: Partial<Readonly<Record<ProgramName, Launch>>>;
}

export class FaultSite {
  readonly folder: string;
  readonly data: string;
  readonly truth: string;
  readonly programs: Readonly<Record<ProgramName, Program>>;
  readonly producer: Producer;
  readonly url: string;
  readonly #launch: SiteOptions['launch'];
  readonly #agentDirectory: string | undefined;

  private constructor(
    folder: string,
    data: string,
    programs: FaultSite['programs'],
    url: string,
    options: SiteOptions,
  ) {
    this.folder = folder;
    this.data = data;
    this.truth = join(folder, 'truth.ndjson');
    this.programs = programs;
    this.url = url;
    this.producer = new Producer(programs.agent, STRAPS, this.truth);
    this.#launch = options.launch;
    this.#agentDirectory = options.agentDirectory;
  }

  /** All three run, two patients let them collect, and the agent is enrolled. */
  static async open(options: SiteOptions = {}): Promise<FaultSite> {
    const folder = mkdtempSync(join(fastFolder(), 'veravita-faults-'));
    const data = join(folder, 'data');
    if (options.directory === undefined) mkdirSync(data);
    else symlinkSync(options.directory, data);
    const [port, mqttPort] = await freePorts(2);
    const url = `http://127.0.0.1:${port}`;
    const brokerPort = (await options.brokerPort?.(mqttPort!)) ?? mqttPort!;
    let code = '';
    const own = options.agentDirectory;
    const agentState = own === undefined ? join(data, 'agents', 'home') : join(own, 'state');
    const agentKeys = own === undefined ? join(data, 'keys', 'agents', 'home') : join(own, 'keys');
    const programs = {
      agent: new Program('agent', /"listening"/, () => [
        at('test/faults/agent-process.ts'),
        agentState,
        agentKeys,
        url,
        `mqtt://127.0.0.1:${brokerPort}`,
        ...(existsSync(join(agentKeys, 'enrolment.json')) ? [] : [code]),
      ]),
      service: new Program('service', /HTTP on/, () => [
        at('ingest-service/main.ts'),
        ...['--data', data, '--port', String(port), '--mqtt-port', String(mqttPort)],
      ]),
      writer: new Program('writer', /following/, () => [
        at('ledger-writer/main.ts'),
        ...['--data', data, '--interval', '60'],
      ]),
    };
    const site = new FaultSite(folder, data, programs, url, options);
    programs.writer.start();
    programs.service.start();
    if (!(await programs.service.whenReady())) throw new Error(programs.service.output);
    const assignments: DeviceAssignment[] = [];
    for (const { address, patient } of STRAPS) {
      const signer = openPatientKey(join(data, 'keys', 'patients', `${patient}.json`));
      const admit = ['patient', '--data', data, '--name', `${NAMES[patient]} (HTEST)`];
      const id = await operate(...admit, '--public-key', encodeHex(signer.publicKey));
      const client = createPatientClient(url, signer, Date.now);
      // From the beginning of time: a clock that jumps must not end it.
      await client.grant({ action: 'collect', classes: [ALL_CLASSES], period: { from: 0 } });
      assignments.push({ patient: id, address, addressType: 'random' });
    }
    const store = openOperatorRecord(data);
    code = createEnrolmentCode({ store, clock: Date.now }, assignments);
    store.close();
    programs.agent.start();
    if (!(await programs.agent.whenReady())) throw new Error(programs.agent.output);
    await programs.agent.end('SIGTERM');
    await Promise.all([programs.service.end('SIGTERM'), programs.writer.end('SIGTERM')]);
    return site;
  }

  /** Starts what does not run. */
  start(...names: readonly ProgramName[]): void {
    for (const name of names.length > 0 ? names : PROGRAMS) {
      if (!this.programs[name].isRunning) this.programs[name].start(this.#launch?.[name]);
    }
  }

  /** Starts all and again whatever ends, until everything measured is held and logged. Throws when that does not come. */
  async drain(forMs = 90_000): Promise<void> {
    await this.producer.stop();
    for (const giveUpAt = Date.now() + forMs; Date.now() < giveUpAt; ) {
      this.start();
      await Promise.all(PROGRAMS.map((name) => this.programs[name].whenReady()));
      if (await this.producer.whenSettled(Math.min(20_000, giveUpAt - Date.now()))) return;
    }
    const said = PROGRAMS.map((name) => `${name}: ${this.programs[name].output}`).join('\n');
    throw new Error(`${this.producer.unconfirmed} values unconfirmed after ${forMs} ms\n${said}`);
  }

  /** Ends all at once, as a fall of the machine does. */
  async killAll(): Promise<void> {
    await Promise.all(PROGRAMS.map((name) => this.programs[name].end('SIGKILL')));
  }

  /** Ends all cleanly, then asks the auditor. */
  async audit(): Promise<AuditReport> {
    await this.programs.agent.end('SIGTERM');
    await this.programs.service.end('SIGTERM');
    await this.programs.writer.end('SIGTERM');
    const agent = this.#agentDirectory === undefined ? [] : ['--agent', join(this.#agentDirectory, 'state')];
    const args = ['--data', this.data, '--truth', this.truth, ...agent, '--json'];
    const options = { maxBuffer: 1e8, timeout: AUDIT_MS, killSignal: 'SIGKILL' } as const;
    const { stdout } = await run(process.execPath, [at('simulators/audit-main.ts'), ...args], options).catch(
      (error: { stdout?: string; stderr?: string }) => {
        if (!error.stdout) throw new Error(`the auditor did not come to an end: ${error.stderr}`);
        return { stdout: error.stdout };
      },
    );
    return JSON.parse(stdout) as AuditReport;
  }

  async close(): Promise<void> {
    await this.producer.stop();
    await this.killAll();
    this.producer.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Where a file is synced in no time, if there is such a place; what is killed with a process lives there as well. */
function fastFolder(): string {
  return existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
}

async function operate(...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [at('ingest-service/main.ts'), ...args]);
  return stdout.trim();
}

/** Ports that nobody uses now; after a restart they have to be the same. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
