/** The three topics of a journal, each of one partition, and what makes them keep everything. */
import type { TopicSpec } from './connection.ts';

export interface JournalTopics {
  /** Entries in order. What is trimmed is deleted from its beginning. */
  readonly entries: string;
  /** Compacted: the newest cursor of each follower. */
  readonly cursors: string;
  /** The name of the journal, then the ids of all trimmed entries. Never trimmed. */
  readonly ids: string;
}

/** Largest batch that a topic takes, in octets. */
export const MAX_BATCH_BYTES = 32 * 1024 * 1024;

const KEPT = {
  'retention.ms': '-1',
  'retention.bytes': '-1',
  // On disk before it is acknowledged. Kafka's default leaves that to replicas that do not fall at the same time.
  'flush.messages': '1',
  'unclean.leader.election.enable': 'false',
  'max.message.bytes': String(MAX_BATCH_BYTES),
};

const LOG = { ...KEPT, 'cleanup.policy': 'delete' };

export function topicsOf(prefix: string, name: string): JournalTopics {
  const of = (what: string) => `${prefix}.${name}.${what}`;
  return { entries: of('entries'), cursors: of('cursors'), ids: of('ids') };
}

/** In the order of their creation: where the last one is, the others were. */
export function specsOf(topics: JournalTopics): readonly TopicSpec[] {
  return [
    // Small segments that are closed within the hour: what is trimmed goes with its segment.
    {
      name: topics.entries,
      settings: { ...LOG, 'segment.bytes': '67108864', 'segment.ms': '3600000', 'file.delete.delay.ms': '1000' },
    },
    { name: topics.cursors, settings: { ...KEPT, 'cleanup.policy': 'compact', 'segment.bytes': '16777216' } },
    { name: topics.ids, settings: LOG },
  ];
}
