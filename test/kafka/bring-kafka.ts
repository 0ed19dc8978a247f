/** Before all tests here: brings Kafka, or says why they are skipped. */
import { bringKafka } from '../support/kafka-broker.ts';

export default function setup(): void {
  const reason = bringKafka();
  if (reason !== undefined) console.warn(`The tests over Kafka are skipped: ${reason}.`);
}
