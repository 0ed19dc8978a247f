/** Scenario files on disk. */
import { readFileSync } from 'node:fs';
import { type ParsedScenario, parseScenario } from './scenario.ts';

/** Throws what reading a file throws; a file that is no JSON is one problem. */
export function readScenarioFile(path: string): ParsedScenario {
  const text = readFileSync(path, 'utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problems: ['scenario: is not JSON'] };
  }
  return parseScenario(value);
}
