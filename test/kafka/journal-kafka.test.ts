import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import { openJournalKafka } from '../../journal/journal-kafka.ts';
import { describeJournal } from '../contracts/journal.ts';
import { hasKafka, type KafkaBroker, startKafka } from '../support/kafka-broker.ts';

describe.skipIf(!hasKafka())('over a broker', () => {
  let broker: KafkaBroker;
  beforeAll(async () => {
    broker = await startKafka();
  });
  afterAll(() => broker.dispose());

  // No index file: each journal that is opened is a process that has seen nothing yet.
  describeJournal('Kafka', () => {
    const config = { prefix: randomUUID(), name: 'journal' };
    return {
      open: () => openJournalKafka({ ...config, brokers: [broker.address] }),
      openFaulty: (faults) => openJournalKafka({ ...config, brokers: [broker.address], faults }),
      dispose: () => undefined,
    };
  });
});
