/**
 * Consent at every way out and in: nothing leaves after a revocation is answered, nothing is filed without leave, and to
 * whom nothing was granted, what is there looks to the byte like what is not.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeBase64Url, encodeBase64Url } from '../protocol/bytes.ts';
import { foldEvents } from '../protocol/consent-chain.ts';
import { type ConsentEvent, readConsentEvent, signConsentEvent } from '../protocol/consent-event.ts';
import { verifyEd25519 } from '../protocol/ed25519.ts';
import { thumbprint } from '../protocol/keys.ts';
import { MDC } from '../protocol/vital-signs.ts';
import { consentToCollect, type SimulatedPatient } from '../simulators/patients.ts';
import { parsePage } from './support/fhir-reader.ts';
import { newSigner } from './support/raw-agent.ts';
import { rawRequest } from './support/raw-http.ts';
import {
  CHIROPRACTOR,
  discloseTo,
  EYE_DOCTOR,
  openTestWorld,
  practitioner,
  type Session,
  type StrapHome,
  type TestWorld,
} from './support/test-world.ts';
import { turns, until } from './support/until.ts';

let world: TestWorld;
let ada: SimulatedPatient;
let ben: SimulatedPatient;
let home: StrapHome;
let doctor: Session;

beforeEach(async () => {
  world = await openTestWorld();
  ada = world.patient('Ada Canary (HTEST)');
  ben = world.patient('Ben (HTEST)');
  await consentToCollect(ada);
  await consentToCollect(ben);
  doctor = await world.signIn(practitioner(EYE_DOCTOR));
});

afterEach(() => world.close());

/** A strap for each patient; without `maxAgeMs`, batches close at once. */
async function openHome(maxAgeMs = 20): Promise<void> {
  home = await world.strapHome('home', [ada, ben], { maxLeaves: 500, maxAgeMs });
}

async function beats(count: number, strap = 0): Promise<void> {
  for (let i = 0; i < count; i++) await home.beat(60 + (i % 30), strap);
}

function readingsOf(patient: SimulatedPatient) {
  const { segments } = world.service.store;
  return [...segments.readings(world.recordOf(patient), MDC.heartRate, { sort: 'asc' })];
}

const events = (text: string) => [...text.matchAll(/^event: (\S+)/gm)].map(([, type]) => type);

describe('revoking disclosure', () => {
  it('ends an open feed and a paged search before it is answered', async () => {
    await openHome();
    const grant = await ada.client.grant(discloseTo(EYE_DOCTOR));
    const feed = doctor.stream('/api/feed');
    await until('the feed is open', () => feed.text.includes(': open'));
    await beats(30);
    await home.settle();
    await until('the doctor hears of readings in the log', () => events(feed.text).includes('logged'));
    const first = parsePage((await doctor.get(`/fhir/R4/Observation?patient=${ada.id}&_count=10`)).body);
    expect(first.observations.length).toBe(10);
    const second = parsePage((await doctor.get(first.next!)).body);
    expect(second.observations.length).toBe(10);

    // Readings are on their way at this moment: heard, not sealed, not filed, filed and not in the log.
    await beats(5);
    await ada.client.revoke(grant);
    await turns();
    const sent = feed.text.length;

    const filed = readingsOf(ada).length;
    await beats(20);
    await home.settle();
    expect(readingsOf(ada).length).toBeGreaterThanOrEqual(filed + 20);
    await turns();
    expect(feed.text.slice(sent)).toBe('');

    const third = await doctor.get(second.next!);
    expect(third.status).toBe(200);
    expect(parsePage(third.body)).toEqual({ observations: [] });
    const [known] = first.observations;
    expect((await doctor.get(`/fhir/R4/Observation/${known!.id}`)).status).toBe(404);
    expect((await doctor.get(`/fhir/R4/Provenance/${known!.id}`)).status).toBe(404);
    expect((await doctor.get(`/fhir/R4/Patient/${ada.id}`)).status).toBe(404);
    expect((await doctor.get('/api/clinic/patients')).body).toBe('{"patients":[]}');
  });

  it('holds at any moment of a stream of readings', async () => {
    await openHome();
    const feed = doctor.stream('/api/feed');
    let streaming = true;
    const stream = (async () => {
      for (let i = 0; streaming; i++) await home.beat(50 + (i % 100));
    })();
    for (let round = 0; round < 8; round++) {
      const before = feed.text.length;
      const grant = await ada.client.grant(discloseTo(EYE_DOCTOR));
      await until('a reading is on the feed', () => events(feed.text.slice(before)).includes('reading'));
      for (let wait = 0; wait < round; wait++) await turns(1);
      await ada.client.revoke(grant);
      await turns(3);
      const sent = feed.text.length;
      const filed = readingsOf(ada).length;
      await until('more is filed', () => readingsOf(ada).length > filed);
      expect(feed.text.slice(sent)).toBe('');
    }
    streaming = false;
    await stream;
  });
});

describe('a clinician to whom nothing was granted', () => {
  const MISSING_ID = 'a'.repeat(26);

  it('gets the same bytes for what is there and what is not, and no name or count; the patient sees the attempts', async () => {
    await openHome();
    await ada.client.grant(discloseTo(EYE_DOCTOR));
    await beats(3);
    await home.settle();
    const [reading] = readingsOf(ada);
    const device = parsePage((await doctor.get(`/fhir/R4/Observation?patient=${ada.id}`)).body).observations[0]!;
    const deviceId = (device as unknown as { device: { reference: string } }).device.reference.split('/')[1]!;
    const chiropractor = await world.signIn(practitioner(CHIROPRACTOR));
    const stranger = await world.signIn(practitioner('nobody-knows-me'));
    const feed = chiropractor.stream('/api/feed');
    await until('the feed is open', () => feed.text.includes(': open'));

    const missingReading = `${'a'.repeat(52)}${reading!.id.slice(52)}`;
    const missingDevice = 'a'.repeat(deviceId.length);
    const missingAgent = 'a'.repeat(52);
    const pairs: [string, string, string][] = [
      ['/fhir/R4/Patient/', ada.id, MISSING_ID],
      ['/fhir/R4/Observation/', reading!.id, missingReading],
      ['/fhir/R4/Provenance/', reading!.id, missingReading],
      ['/fhir/R4/Device/', deviceId, missingDevice],
      ['/fhir/R4/Device/', home.agent.id, missingAgent],
      ['/api/patient/receipts/', reading!.id, missingReading],
      ['/fhir/R4/Observation?patient=', ada.id, MISSING_ID],
      ['/fhir/R4/Observation?_count=1&_sort=date&patient=Patient/', ada.id, MISSING_ID],
      [`/fhir/R4/Observation?code=${MDC.heartRate}&patient=`, ada.id, MISSING_ID],
      ['/fhir/R4/Observation?code=8867-4&date=ge2026-01-01&patient=', ada.id, MISSING_ID],
      [`/fhir/R4/Observation?_id=${reading!.id}&patient=`, ada.id, MISSING_ID],
      [`/fhir/R4/Observation?patient=${ada.id}&_id=`, reading!.id, missingReading],
      [`/fhir/R4/Observation?_count=0&patient=`, ada.id, MISSING_ID],
    ];
    const said: string[] = [];
    for (const session of [chiropractor, stranger]) {
      for (const [path, there, absent] of pairs) {
        const yours = await session.get(path + there);
        const nobodys = await session.get(path + absent);
        const masked = yours.bytes.replaceAll(there, absent);
        expect(masked, path).toBe(nobodys.bytes);
        said.push(yours.bytes);
      }
      const post = (patient: string) =>
        session.request({
          method: 'POST',
          path: '/fhir/R4/Observation/_search',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: `patient=${patient}`,
        });
      const yours = await post(ada.id);
      expect(yours.bytes.replaceAll(ada.id, MISSING_ID)).toBe((await post(MISSING_ID)).bytes);
      said.push(yours.bytes, (await session.get('/api/clinic/patients')).bytes);
    }
    // The list of who knows nobody is the list of who knows no patient of these.
    expect((await chiropractor.get('/api/clinic/patients')).body).toBe('{"patients":[]}');
    await beats(3);
    await home.settle();
    said.push(feed.text);
    expect(events(feed.text)).toEqual([]);
    for (const text of said) {
      expect(text).not.toMatch(/Canary|HTEST|heart|valueQuantity|"total"|"entry"|"next"/i);
    }

    const attempts = (await ada.client.disclosures()).filter(({ who }) => who.id === CHIROPRACTOR);
    expect(attempts.every(({ kind, count }) => kind === 'denied' && count === 0)).toBe(true);
    // One for each path above that names her or a reading of hers: three reads, eight searches.
    expect(attempts.length).toBe(11);
    expect((await ben.client.disclosures()).filter(({ kind }) => kind === 'denied')).toEqual([]);
  });

  it('gets, without a session, one answer for everything', async () => {
    await openHome();
    await beats(1);
    await home.settle();
    const [reading] = readingsOf(ada);
    const paths = [
      `/fhir/R4/Patient/${ada.id}`,
      `/fhir/R4/Patient/${MISSING_ID}`,
      `/fhir/R4/Observation/${reading!.id}`,
      `/fhir/R4/Observation?patient=${ada.id}`,
      `/fhir/R4/Observation?patient=${MISSING_ID}`,
      `/fhir/R4/Device/${home.agent.id}`,
    ];
    const answers = await Promise.all(paths.map((path) => rawRequest(world.service.url, { path })));
    expect(new Set(answers.map(({ bytes }) => bytes)).size).toBe(1);
    expect(answers[0]!.status).toBe(401);
    for (const path of ['/api/feed', '/api/clinic/patients', '/api/patient/overview', '/api/patient/consent']) {
      expect((await rawRequest(world.service.url, { path })).status, path).toBe(401);
    }
    expect(await ada.client.disclosures()).toEqual([]);
  });
});

describe('consent events', () => {
  it('are checked by an outsider from the first public key alone; the service can invent none', async () => {
    const grant = await ada.client.grant(discloseTo(EYE_DOCTOR));
    await ada.client.grant(discloseTo(CHIROPRACTOR));
    await ada.client.revoke(grant);
    const session = await world.signIn({ role: 'patient', patient: ada.id });
    const view = JSON.parse((await session.get('/api/patient/consent')).body) as {
      subject: string;
      publicKey: string;
      events: string[];
      head: string;
    };
    const subject = decodeBase64Url(view.subject);
    const publicKey = decodeBase64Url(view.publicKey);
    const signed = view.events.map(decodeBase64Url);
    const state = foldEvents(subject, publicKey, signed, verifyEd25519);
    expect(thumbprint(publicKey)).toEqual(subject);
    expect(encodeBase64Url(state.head)).toBe(view.head);
    expect(state.grants.map(({ terms, revokedAt }) => [terms.action, revokedAt !== undefined])).toEqual([
      ['collect', false],
      ['disclose', true],
      ['disclose', false],
    ]);

    // Dropped in the middle, reordered, altered, or made by somebody else.
    const fold = (events: readonly Uint8Array[]) => foldEvents(subject, publicKey, events, verifyEd25519);
    expect(() => fold(signed.toSpliced(1, 1))).toThrow();
    expect(() => fold([signed[1]!, signed[0]!])).toThrow();
    for (const [i, event] of signed.entries()) {
      for (let at = 0; at < event.length; at += 7) {
        const altered = event.slice();
        altered[at]! ^= 1;
        expect(() => fold(signed.with(i, altered))).toThrow();
      }
    }
    const forger = newSigner();
    const link = { subject, seq: state.seq + 1, previous: state.head, at: Date.now() };
    const terms = discloseTo('insurance');
    const forged = (key: Uint8Array) =>
      signConsentEvent({ ...link, key, type: 'grant', grant: new Uint8Array(16), terms } as ConsentEvent, {
        publicKey: forger.publicKey,
        sign: forger.sign,
      });
    const byForger = forged(thumbprint(forger.publicKey));
    expect(() => fold([...signed, byForger])).toThrow('key may not sign');

    // Neither over HTTP nor past it, straight into the record.
    const { store } = world.service;
    const post = (event: Uint8Array) =>
      session.request({
        method: 'POST',
        path: '/api/consent/events',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ event: encodeBase64Url(event) }),
      });
    expect((await post(byForger)).status).toBe(409);
    expect((await post(signed.at(-1)!)).status).toBe(409);
    expect(() => store.transaction(() => store.consents.append(world.recordOf(ada), byForger))).toThrow();
    expect(store.consents.state(world.recordOf(ada)).seq).toBe(4);
    expect(readConsentEvent(signed[0]!).event.type).toBe('grant');
  });
});
