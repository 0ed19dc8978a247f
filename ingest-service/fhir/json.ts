/**
 * FHIR JSON (FHIR R4 json.html). A FHIR decimal carries its precision, so 36.50 must not become 36.5: numbers that came
 * from a sensor are put into the resource as raw JSON text, and every `JSON.stringify` writes them as they are.
 */
import { type Decimal, decimalToString } from '../../protocol/decimal.ts';

/** A JSON number with its digits as they are to be written. */
export interface JsonDecimal {
  readonly rawJSON: string;
}

// ECMAScript JSON.rawJSON, which the compiler's library does not declare yet.
const { rawJSON } = JSON as unknown as { rawJSON(text: string): JsonDecimal };

/** A sensor's number as a FHIR decimal: (3650, -2) is written 36.50. */
export function jsonDecimal(value: Decimal): JsonDecimal {
  return rawJSON(decimalToString(value));
}

/** Media type of every answer. */
export const FHIR_JSON = 'application/fhir+json; charset=utf-8';

/** JSON text of a resource. */
export function stringifyFhir(resource: object): string {
  return JSON.stringify(resource);
}
