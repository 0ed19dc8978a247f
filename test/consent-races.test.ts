/** Grants, revocations and looks at once, in many orders; and the patient's list, which is written before anything leaves. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openServiceKeys } from '../ingest-service/keys.ts';
import { openRecordSqlite } from '../ingest-service/record/record-sqlite.ts';
import { verifyEd25519 } from '../protocol/ed25519.ts';
import { consentToCollect, type SimulatedPatient } from '../simulators/patients.ts';
import { createRandom } from '../simulators/random.ts';
import { parsePage } from './support/fhir-reader.ts';
import { rawRequest, rawStream } from './support/raw-http.ts';
import {
  CHIROPRACTOR,
  discloseTo,
  EYE_DOCTOR,
  openTestWorld,
  practitioner,
  type Session,
} from './support/test-world.ts';
import { turns, until } from './support/until.ts';

const SEED = Number(process.env.VERAVITA_SEED ?? Date.now() % 1_000_000);
const RACES = Number(process.env.VERAVITA_RACES ?? 60);
const READINGS = 3;
const PATIENTS = 8;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'veravita-consent-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** From when to when something went on, in steps of one counter. */
interface Span {
  readonly start: number;
  end: number;
}

describe('races', () => {
  it(`never show what was not granted at that moment, ${RACES} orders`, { timeout: 120_000 }, async () => {
    console.info(`consent-races: VERAVITA_SEED=${SEED}`);
    const world = await openTestWorld(directory);
    try {
      // Several patients, because a long chain of events takes long to fetch.
      const patients = Array.from({ length: PATIENTS }, (_, i) => world.patient(`Patient ${'abcdefgh'[i]} (HTEST)`));
      for (const patient of patients) await consentToCollect(patient);
      const home = await world.strapHome('home', patients);
      for (let i = 0; i < READINGS * PATIENTS; i++) await home.beat(60 + i, i % PATIENTS);
      await home.settle();
      const doctor = await world.signIn(practitioner(EYE_DOCTOR));
      const chiropractor = await world.signIn(practitioner(CHIROPRACTOR));
      let step = 0;
      const timed = async <T>(span: Span[], act: () => Promise<T>): Promise<T> => {
        const now: Span = { start: step++, end: Number.POSITIVE_INFINITY };
        span.push(now);
        const result = await act();
        now.end = step++;
        return result;
      };
      const look = async (session: Session, { id }: SimulatedPatient) =>
        parsePage((await session.get(`/fhir/R4/Observation?patient=${id}&code=8867-4`)).body).observations.length;

      let shown = 0;
      let refused = 0;
      for (let seed = SEED; seed < SEED + RACES; seed++) {
        const random = createRandom(seed);
        const ada = patients[seed % PATIENTS]!;
        const pause = () => turns(Math.floor(random() * 12));
        const grants: Span[] = [];
        const revokes: Span[] = [];
        const looks: { span: Span; found: number }[] = [];
        const looker = async () => {
          for (let i = 0; i < 2; i++) {
            await pause();
            const spans: Span[] = [];
            const found = await timed(spans, () => look(doctor, ada));
            looks.push({ span: spans[0]!, found });
          }
        };
        const grantAndRevoke = async () => {
          await pause();
          const grant = await timed(grants, () => ada.client.grant(discloseTo(EYE_DOCTOR)));
          await pause();
          await timed(revokes, () => ada.client.revoke(grant));
        };
        const [, , , strangers] = await Promise.all([grantAndRevoke(), looker(), looker(), look(chiropractor, ada)]);
        expect(strangers, `seed ${seed}`).toBe(0);
        const [granted, revoked] = [grants[0]!, revokes[0]!];
        for (const { span, found } of looks) {
          const surely = granted.end < span.start && span.end < revoked.start;
          const never = span.end < granted.start || revoked.end < span.start;
          if (surely) expect(found, `seed ${seed}`).toBe(READINGS);
          else if (never) expect(found, `seed ${seed}`).toBe(0);
          else expect([0, READINGS], `seed ${seed}`).toContain(found);
          if (found > 0) shown++;
          else refused++;
        }
        expect(await look(doctor, ada), `seed ${seed}, after the revocation`).toBe(0);
        refused++;
      }
      // Both happened, and her list has each, once.
      expect(shown).toBeGreaterThan(RACES / 20);
      const lists = await Promise.all(patients.map(({ client }) => client.disclosures()));
      for (const list of lists) expect(list.map(({ seq }) => seq)).toEqual(list.map((_, i) => list.length - i));
      const all = lists.flat();
      const of = (who: string, kind: string) => all.filter((entry) => entry.who.id === who && entry.kind === kind);
      expect(of(EYE_DOCTOR, 'search').length).toBe(shown);
      expect(of(EYE_DOCTOR, 'search').every(({ count }) => count === READINGS)).toBe(true);
      expect(of(EYE_DOCTOR, 'denied').length).toBe(refused);
      expect(of(CHIROPRACTOR, 'denied').length).toBe(RACES);
      expect(all.length).toBe(shown + refused + RACES);
    } finally {
      await world.close();
    }
  });
});

describe('the patient’s list', () => {
  /** Starts a world, looks, kills it at the first byte of what was asked for, and reads what is on the disk. */
  async function killAtFirstByte(
    ask: (url: string, cookie: string, patient: string) => { readonly text: string },
    first: string,
  ) {
    const script = join(import.meta.dirname, 'support', 'serve-until-killed.ts');
    const child = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    const gone = once(child, 'exit');
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    const { url, patient, link } = JSON.parse(line) as Record<'url' | 'patient' | 'link', string>;
    const { bytes } = await rawRequest(url, { path: `/sign-in/${link}` });
    const answer = ask(url, /set-cookie: ([^;]+)/i.exec(bytes)![1]!, patient);
    await until('the first byte', () => {
      if (!answer.text.includes(first)) return false;
      return child.kill('SIGKILL');
    });
    await gone;
    const keys = openServiceKeys(join(directory, 'keys', 'service'), false);
    const store = openRecordSqlite({
      path: join(directory, 'service', 'record.sqlite'),
      keyEncryptionKey: keys.keyEncryptionKey,
      verify: verifyEd25519,
    });
    try {
      return store.disclosures.list(store.patients.byId(patient)!, 100);
    } finally {
      store.close();
    }
  }

  it('is on the disk before the first byte of a search leaves', async () => {
    const list = await killAtFirstByte(
      (url, cookie, patient) => rawStream(url, { path: `/fhir/R4/Observation?patient=${patient}&_count=7`, cookie }),
      'HTTP/1.1 200',
    );
    expect(list).toMatchObject([{ kind: 'search', who: EYE_DOCTOR, count: 7, classes: ['heart-rate'] }]);
  });

  it('is on the disk before the first reading of a feed leaves', async () => {
    const list = await killAtFirstByte(
      (url, cookie) => rawStream(url, { path: '/api/feed', cookie }),
      'event: reading',
    );
    expect(list).toMatchObject([{ kind: 'feed-open', who: EYE_DOCTOR, classes: ['heart-rate'] }]);
  });
});
