/** Everything the patient's page shows, and how messages of the feed change it. */
import type { Consent, FeedMessage, Overview } from '../shared/answers.ts';
import { getJson } from '../shared/api.ts';
import { markLogged, type ShownReading, takeReading } from '../shared/readings.ts';

export interface ShownRecord {
  readonly overview: Overview;
  readonly latest: readonly ShownReading[];
  readonly consent: Consent;
}

export async function loadRecord(): Promise<ShownRecord> {
  const [overview, consent] = await Promise.all([
    getJson<Overview>('/api/patient/overview'),
    getJson<Consent>('/api/patient/consent'),
  ]);
  return { overview, latest: overview.latest, consent };
}

export function applyMessage(record: ShownRecord, message: FeedMessage): ShownRecord {
  if (message.type === 'changed') return record;
  const { latest } = record;
  return {
    ...record,
    latest:
      message.type === 'reading'
        ? takeReading(latest, message.reading)
        : markLogged(latest, message.id, message.anchors),
  };
}
