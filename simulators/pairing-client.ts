/** A patient's side of pairing over HTTP, with the patient's key: what `npm run pair` does, step by step. */
import { decodeHex } from '../protocol/bytes.ts';
import { ALL_CLASSES } from '../protocol/consent-event.ts';
import type { Clock } from '../protocol/time.ts';
import type { PatientClient } from './patient-client.ts';

export interface FoundView {
  /** Handle in the patient's leaves, hex. */
  readonly device: string;
  readonly name?: string;
  readonly kind: string;
  readonly title: string;
  /** dBm. */
  readonly rssi: number;
  readonly heardAt: string;
  readonly paired: boolean;
  readonly unsupported?: string;
  readonly advice: readonly string[];
}

export interface PairingView {
  readonly device: string;
  readonly gateway: string;
  readonly name?: string;
  readonly title: string;
  readonly phase:
    | 'asking'
    | 'connecting'
    | 'passkey'
    | 'reconnecting'
    | 'first-reading'
    | 'verifying'
    | 'paired'
    | 'failed';
  readonly failure?: { readonly code: string; readonly words: readonly string[] };
  readonly reading?: {
    readonly id: string;
    readonly title: string;
    readonly measuredAt: string;
    readonly signed: boolean;
    readonly inTree: boolean;
    readonly inLog: boolean;
  };
}

/** `GET /api/pairing`. */
export interface PairingState {
  readonly gateways: readonly { readonly id: string; readonly heardAt?: string }[];
  readonly scans: readonly { readonly gateway: string; readonly until: string; readonly found: readonly FoundView[] }[];
  readonly pairings: readonly PairingView[];
  readonly paired: readonly { readonly gateway: string; readonly device: string }[];
  readonly held: readonly {
    readonly gateway: string;
    readonly device: string;
    readonly userIndex: number;
    readonly count: number;
    readonly name?: string;
  }[];
}

export type PairingClient = ReturnType<typeof createPairingClient>;

/** Every call throws a Fault, as {@link PatientClient} does. */
export function createPairingClient(client: PatientClient, clock: Clock) {
  const state = () => client.get<PairingState>('/api/pairing');

  return {
    state,
    scan: (gateway: string) => client.post<object>('/api/pairing/scan', { gateway }),
    pair: (gateway: string, device: string) => client.post<object>('/api/pairing/pair', { gateway, device }),
    passkey: (device: string, passkey: number) => client.post<object>('/api/pairing/passkey', { device, passkey }),
    claim: (gateway: string, device: string, userIndex: number) =>
      client.post<object>('/api/pairing/claim', { gateway, device, userIndex }),
    gatewayCode: () => client.post<{ code: string; expiresAt: string }>('/api/pairing/gateway-code', {}),

    /** Wearables that a gateway hears, strongest first. */
    async found(gateway: string): Promise<readonly FoundView[]> {
      const scan = (await state()).scans.find((one) => one.gateway === gateway);
      return (scan?.found ?? []).toSorted((a, b) => b.rssi - a.rssi);
    },

    /** What the patient's devices call themselves, by handle. */
    async deviceNames(): Promise<ReadonlyMap<string, string>> {
      const { devices } = await client.get<{ devices: { id: string; name?: string; model?: string }[] }>(
        '/api/patient/overview',
      );
      const named = devices.map(({ id, name, model }) => [id, name ?? model] as const);
      return new Map(named.filter((one): one is readonly [string, string] => one[1] !== undefined));
    },

    async pairing(device: string): Promise<PairingView | undefined> {
      return (await state()).pairings.find((one) => one.device === device);
    },

    /** Consent to collect everything from this device, unless a grant says so already. True when it was signed now. */
    async consentTo(device: string): Promise<boolean> {
      const now = clock();
      const { grants } = await client.consent();
      const covers = grants.some(
        (grant) =>
          grant.action === 'collect' &&
          grant.revokedAt === undefined &&
          (grant.to === undefined || Date.parse(grant.to) > now) &&
          (grant.device === undefined || grant.device === device),
      );
      if (covers) return false;
      const terms = { classes: [ALL_CLASSES], device: decodeHex(device), period: { from: now } };
      await client.grant({ action: 'collect', ...terms });
      return true;
    },

    /** Lets the device go, and ends the consent that was for it alone. What is in the record stays. */
    async unpair(device: string): Promise<void> {
      await client.post('/api/pairing/unpair', { device });
      const { grants } = await client.consent();
      const own = grants.filter((grant) => grant.device === device && grant.revokedAt === undefined);
      for (const { id } of own) await client.revoke(id);
    },
  };
}
