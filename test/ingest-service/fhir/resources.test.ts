import { describe, expect, it } from 'vitest';
import { toSearchset } from '../../../ingest-service/fhir/bundle.ts';
import { toCapabilityStatement } from '../../../ingest-service/fhir/capability.ts';
import { toDevice, toGateway, toUndescribedDevice } from '../../../ingest-service/fhir/device.ts';
import { deviceIdOf } from '../../../ingest-service/fhir/elements.ts';
import { refusalOf } from '../../../ingest-service/fhir/operation-outcome.ts';
import { toPatient } from '../../../ingest-service/fhir/patient.ts';
import { toProvenance } from '../../../ingest-service/fhir/provenance.ts';
import { decodeBase64 } from '../../../protocol/bytes.ts';
import { Fault } from '../../../protocol/fault.ts';
import { encodeId } from '../../../protocol/keys.ts';
import type { DeviceLeaf } from '../../../protocol/leaf.ts';
import { expectWellFormed } from './r4-rules.ts';

const agent = encodeId(new Uint8Array(32).fill(4));
const leaf: DeviceLeaf = {
  kind: 'device',
  subject: new Uint8Array(32).fill(1),
  device: new Uint8Array(16).fill(2),
  heardAt: 1_700_000_000_000,
  address: 'f4:5e:ab:a8:08:32',
  addressType: 'public',
  link: 'unbonded',
  name: 'Strap',
  manufacturer: 'Acme',
  model: 'H1',
  serial: '501',
  firmware: '1.2',
  test: true,
};

describe('device', () => {
  it('has the identifiers and codes of the PHD guide', () => {
    const device = toDevice(leaf, deviceIdOf(leaf.device), 'p1');
    expectWellFormed(device);
    expect(device).toMatchObject({
      manufacturer: 'Acme',
      serialNumber: '501',
      modelNumber: 'H1',
      patient: { reference: 'Patient/p1' },
      type: { coding: [{ code: '65573' }] },
      version: [{ type: { coding: [{ code: '531976' }] }, value: '1.2' }],
    });
    expect(device.identifier[1]).toMatchObject({
      system: 'http://hl7.org/fhir/sid/eui-48/bluetooth',
      value: 'F4-5E-AB-A8-08-32',
    });
    expect(device.meta?.security?.[0]?.code).toBe('HTEST');
  });

  it('leaves out what the wearable did not tell, and takes no random address for a name', () => {
    const { name, manufacturer, model, serial, firmware, ...silent } = leaf;
    const device = toDevice({ ...silent, addressType: 'random', manufacturer: ' ' }, 'd1', 'p1');
    expectWellFormed(device);
    expect(device.identifier).toHaveLength(1);
    expect(Object.keys(device)).not.toContain('manufacturer');
    expectWellFormed(toUndescribedDevice('d1', 'p1', false));
  });

  it('makes a gateway of an agent', () => {
    expectWellFormed(toGateway(agent));
    expect(toGateway(agent).type.coding?.[0]?.code).toBe('531981');
  });
});

describe('patient', () => {
  it('has a name and no subject handle', () => {
    const patient = toPatient({ id: 'p1', name: 'Ada', birthDate: '1990-02-03', test: true });
    expectWellFormed(patient);
    expect(patient).toMatchObject({ id: 'p1', name: [{ text: 'Ada' }], birthDate: '1990-02-03' });
    expect(patient).not.toHaveProperty('identifier');
  });
});

describe('provenance', () => {
  it('names the gateway and carries its signature', () => {
    const batchId = encodeId(new Uint8Array(32).fill(3));
    const signedHeader = new Uint8Array([1, 2, 3]);
    const provenance = toProvenance({
      readingId: `${batchId}.7`,
      batchId,
      gatewayId: agent,
      signedHeader,
      signedAt: 1_700_000_000_000,
      filedAt: 1_700_000_001_500,
      test: false,
    });
    expectWellFormed(provenance);
    expect(provenance.target).toEqual([{ reference: `Observation/${batchId}.7` }]);
    // FHIR R4 Provenance.recorded and Signature.when are instants.
    expect(provenance.recorded).toBe('2023-11-14T22:13:21.500Z');
    expect(provenance.signature[0]!.when).toBe('2023-11-14T22:13:20Z');
    expect(decodeBase64(provenance.signature[0]!.data)).toEqual(signedHeader);
  });
});

describe('searchset', () => {
  const base = 'https://host/fhir/R4';
  const patient = toPatient({ id: 'p1', name: 'Ada', test: false });

  it('links to itself and to the next page, and counts only when told', () => {
    const page = { base, type: 'Patient', query: '_count=1', nextQuery: '_count=1&_cursor=x', resources: [patient] };
    const bundle = toSearchset(page);
    expectWellFormed(bundle);
    expect(bundle).not.toHaveProperty('total');
    expect(bundle.link).toEqual([
      { relation: 'self', url: `${base}/Patient?_count=1` },
      { relation: 'next', url: `${base}/Patient?_count=1&_cursor=x` },
    ]);
    expect(bundle.entry?.[0]).toEqual({ fullUrl: `${base}/Patient/p1`, resource: patient, search: { mode: 'match' } });
  });

  it('has no entries and no next page when there is nothing', () => {
    const bundle = toSearchset({ base, type: 'Observation', query: '', total: 0, resources: [] });
    expectWellFormed(bundle);
    expect(bundle).toEqual({
      resourceType: 'Bundle',
      type: 'searchset',
      total: 0,
      link: [{ relation: 'self', url: `${base}/Observation` }],
    });
  });
});

describe('capability statement', () => {
  it('satisfies cpb-1, cpb-2 and cpb-15', () => {
    const statement = toCapabilityStatement({ version: '0.1.0', date: 0, base: 'https://host/fhir/R4' });
    expectWellFormed(statement);
    expect(statement).toMatchObject({
      kind: 'instance',
      fhirVersion: '4.0.1',
      status: 'active',
      implementation: { url: 'https://host/fhir/R4' },
    });
  });
});

describe('refusals', () => {
  it.each<[Fault, number, string]>([
    [new Fault('not-found', 'batch 7 is gone'), 404, 'There is no such resource.'],
    [new Fault('not-permitted', 'signed for another request'), 401, 'Sign in first.'],
    [new Fault('expired', 'old'), 401, 'Sign in first.'],
    [new Fault('malformed', '_count: 1 to 1000'), 400, '_count: 1 to 1000'],
    [new Fault('bad-chain', 'event out of sequence'), 409, 'event out of sequence'],
    [new Fault('too-large', 'x'), 413, 'The request is too large.'],
    [new Fault('unavailable', 'disk', 'later'), 503, 'The service is not ready; send the request again later.'],
    [new Fault('inconsistent', 'segment 12 of Ada'), 500, 'The service failed.'],
  ])('%s', (fault, status, diagnostics) => {
    const refusal = refusalOf(fault);
    expectWellFormed(refusal.outcome);
    expect(refusal.status).toBe(status);
    expect(refusalOf(fault).outcome.issue[0]!.diagnostics).toBe(diagnostics);
  });

  it('tells nothing of an error that is no fault', () => {
    const refusal = refusalOf(new Error('SQLITE: no row for Ada'));
    expect(refusal.status).toBe(500);
    expect(JSON.stringify(refusal)).not.toContain('Ada');
  });
});
