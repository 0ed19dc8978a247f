import { describe, expect, it } from 'vitest';
import { askForEachDevice } from '../../../ingest-service/consent/collect.ts';

describe('askForEachDevice', () => {
  it('gives each device its own answer, and asks once for those in a row', () => {
    const asked: number[] = [];
    const isUnpaired = askForEachDevice((device) => {
      asked.push(device[0]!);
      return device[0] === 2;
    });
    const answers = [1, 1, 2, 2, 1].map((device) => isUnpaired(Uint8Array.of(device)));
    expect(answers).toEqual([false, false, true, true, false]);
    expect(asked).toEqual([1, 2, 1]);
  });
});
