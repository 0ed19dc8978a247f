/** A data directory stays with the engine that it began with: entries that wait in the other one would wait for ever. */
import { existsSync } from 'node:fs';
import { Fault } from '../protocol/fault.ts';

export interface EngineChoice {
  /** A file of the engine in SQLite. */
  readonly sqlitePath: string;
  /** Folder of the indexes over Kafka. */
  readonly indexDirectory: string;
  readonly kafka: boolean;
}

/** Throws `inconsistent` where the directory has its journals in the other engine. */
export function assertSameEngine({ sqlitePath, indexDirectory, kafka }: EngineChoice): void {
  if (kafka && existsSync(sqlitePath)) {
    throw new Fault('inconsistent', 'this data directory has its journals in SQLite: leave out --journal');
  }
  if (!kafka && existsSync(indexDirectory)) {
    throw new Fault('inconsistent', 'this data directory has its journals in Kafka: say --journal');
  }
}
