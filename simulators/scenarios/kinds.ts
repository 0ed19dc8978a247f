/** Kinds of wearables that a scenario can name. */

export const SCENARIO_KINDS = [
  'strap',
  'cuff',
  'enhanced-cuff',
  'thermometer',
  'oximeter',
  'cgm',
  'glucose-meter',
  'scale',
  'composition-scale',
  'running-pod',
  'cycling-sensor',
  'health-sensor',
  'bthome',
  'mi-scale',
] as const;

export type ScenarioKind = (typeof SCENARIO_KINDS)[number];

/**
 * What becomes of a value that nobody hears: `live` is lost, `stored` is kept until it is delivered, `broadcast` is
 * advertised until the next.
 */
export type Keeping = 'live' | 'stored' | 'broadcast';
