/**
 * Scenario files: who lives where, what they wear, what they go through, and what goes wrong when. Plain JSON, read
 * whole before anything starts; `expand.ts` makes the schedule of it. Times are durations from the start.
 */
import { z } from 'zod';
import type { Fault } from '../hci/fault-kinds.ts';
import { parseDuration } from './duration.ts';
import { faultSchema, TARGETS } from './fault-schema.ts';
import { SCENARIO_KINDS } from './kinds.ts';

const id = z.string().regex(/^[a-z\d]+(-[a-z\d]+)*$/, 'is not lower-case words joined by hyphens');
const pattern = z.string().regex(/^[a-z\d*-]+$/, 'is not an id, with * for any part of it');
const duration = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms === undefined) context.addIssue({ code: 'custom', message: 'is not a duration such as PT1H30M' });
  return ms ?? 0;
});
/** One that is not nothing. */
const length = duration.refine((ms) => ms > 0, 'lasts no time');
const seed = z
  .int()
  .min(0)
  .max(2 ** 32 - 1);

const period = { from: duration, for: length };
const condition = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('sleep'), ...period }),
  z.strictObject({
    kind: z.literal('exercise'),
    activity: z.enum(['walking', 'running', 'cycling']),
    intensity: z.number().gt(0).max(1),
    ...period,
  }),
  z.strictObject({ kind: z.literal('fever'), riseC: z.number().gt(0).max(4), ...period }),
  z.strictObject({ kind: z.literal('atrial-fibrillation'), ...period }),
  z.strictObject({ kind: z.literal('hypoglycemia'), nadirMgDl: z.number().min(30).max(69), ...period }),
  z.strictObject({ kind: z.literal('weight-trend'), kgPerWeek: z.number().min(-3).max(3), ...period }),
]);

const security = z.strictObject({
  io: z.enum(['none', 'display', 'keyboard']).exactOptional(),
  passkey: z.int().min(0).max(999_999).exactOptional(),
  keepsBonds: z.boolean().exactOptional(),
  keepsSubscriptions: z.boolean().exactOptional(),
  requestsSecurity: z.boolean().exactOptional(),
  oneHost: z.boolean().exactOptional(),
  freshBondPerLink: z.boolean().exactOptional(),
  identity: z.enum(['rotates', 'zero']).exactOptional(),
});

const person = z.strictObject({
  id,
  /** Of the body; one that follows from the scenario's by default. */
  seed: seed.exactOptional(),
  conditions: z.array(condition).default([]),
});

const home = z.strictObject({
  id,
  zoneMin: z
    .int()
    .min(-12 * 60)
    .max(14 * 60)
    .default(0),
  persons: z.array(id).min(1),
  /** Most links of its controller. */
  maxLinks: z.int().min(1).max(1000).exactOptional(),
});

const wearable = z.strictObject({
  id,
  kind: z.enum(SCENARIO_KINDS),
  person: id,
  everyS: z.int().min(1).max(86_400),
  options: z
    .strictObject({ rssi: z.int().min(-127).max(20).exactOptional(), security: security.exactOptional() })
    .default({}),
});

const event = z.strictObject({
  /** Once, then. */
  at: duration.exactOptional(),
  /** Again and again, each device or home in a rhythm of its own. */
  every: length.exactOptional(),
  /** How far each may be off, in parts of `every`. */
  jitter: z.number().min(0).max(1).default(0),
  /** For those that come again: not before, and not from then on. */
  from: duration.exactOptional(),
  until: duration.exactOptional(),
  devices: pattern.exactOptional(),
  homes: pattern.exactOptional(),
  fault: faultSchema,
  /** Until the end by default. */
  for: length.exactOptional(),
});

const schema = z.strictObject({
  title: z.string().min(1).max(200),
  seed,
  startAt: z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)),
  hours: z
    .number()
    .gt(0)
    .max(24 * 14),
  persons: z.array(person).min(1),
  homes: z.array(home).min(1),
  wearables: z.array(wearable).min(1),
  timeline: z.array(event).default([]),
});

/** Durations and instants in milliseconds. */
export type Scenario = z.infer<typeof schema>;
export type ScenarioEvent = Scenario['timeline'][number] & { readonly fault: Fault };
export type ScenarioWearable = Scenario['wearables'][number];

export type ParsedScenario = { readonly scenario: Scenario } | { readonly problems: readonly string[] };

/** The scenario, or all that is wrong with it: of its form first, and when that is right, of what it refers to. */
export function parseScenario(value: unknown): ParsedScenario {
  const parsed = schema.safeParse(value);
  if (!parsed.success) return { problems: parsed.error.issues.map(describeIssue) };
  const problems = crossProblems(parsed.data);
  return problems.length > 0 ? { problems } : { scenario: parsed.data };
}

function describeIssue({ path, message }: z.core.$ZodIssue): string {
  const place = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return `${place.replace(/^\./, '') || 'scenario'}: ${message}`;
}

/** Whether a pattern names an id; `*` stands for any part. */
export function matches(wanted: string, name: string): boolean {
  return new RegExp(`^${wanted.replaceAll('*', '.*')}$`).test(name);
}

function crossProblems({ persons, homes, wearables, timeline }: Scenario): string[] {
  const problems: string[] = [];
  for (const [what, list] of Object.entries({ persons, homes, wearables })) {
    const seen = new Set<string>();
    for (const [index, { id: name }] of list.entries()) {
      if (seen.has(name)) problems.push(`${what}[${index}].id: is there twice`);
      seen.add(name);
    }
  }
  const livesIn = new Map<string, number>();
  for (const [index, { persons: residents }] of homes.entries()) {
    for (const name of residents) {
      if (!persons.some((one) => one.id === name)) problems.push(`homes[${index}].persons: nobody is ${name}`);
      if (livesIn.has(name)) problems.push(`homes[${index}].persons: ${name} lives in two places`);
      livesIn.set(name, index);
    }
  }
  for (const [index, { person: wearer, kind, everyS }] of wearables.entries()) {
    if (!livesIn.has(wearer)) problems.push(`wearables[${index}].person: ${wearer} lives in no home`);
    if (kind === 'cgm' && everyS % 60 !== 0) problems.push(`wearables[${index}].everyS: a cgm counts whole minutes`);
  }
  for (const [index, one] of timeline.entries()) {
    for (const problem of eventProblems(one, wearables, homes)) problems.push(`timeline[${index}]: ${problem}`);
  }
  return problems;
}

function eventProblems(
  event: ScenarioEvent,
  wearables: readonly ScenarioWearable[],
  homes: Scenario['homes'],
): string[] {
  const { at, every, from, until, devices, homes: places, fault } = event;
  const problems: string[] = [];
  if ((at === undefined) === (every === undefined)) problems.push('has to have either at or every');
  if (every !== undefined && event.for !== undefined && event.for > every * (1 - event.jitter)) {
    problems.push('comes again before it has ended');
  }
  if (at !== undefined && (from !== undefined || until !== undefined)) problems.push('from and until go with every');
  if ((devices === undefined) === (places === undefined)) problems.push('has to have either devices or homes');
  const target = TARGETS[fault.kind];
  if (devices !== undefined && target === 'home') problems.push(`${fault.kind} befalls homes`);
  if (places !== undefined && target === 'device') problems.push(`${fault.kind} befalls devices`);
  const struck = wearables.filter((one) => devices !== undefined && matches(devices, one.id));
  if (devices !== undefined && struck.length === 0) problems.push('names no device');
  if (places !== undefined && !homes.some((one) => matches(places, one.id))) problems.push('names no home');
  if (fault.kind === 'address-rotation' && struck.some((one) => one.options.security?.identity !== 'rotates')) {
    problems.push('a device that rotates its address has options.security.identity rotates');
  }
  return problems;
}
