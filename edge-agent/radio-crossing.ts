/** How what the radio asks and tells crosses from its process to the agent's. */
import type { RadioOptions } from './radio/radio-options.ts';
import type { Channel } from './radio-channel.ts';

/**
 * `tell`: no answer. `call`: a promise that settles with the agent's. `ask`: the radio cannot wait, so it gets the last
 * answer to the same question, and before there is one, what stands here.
 */
export type Crossing = 'tell' | 'call' | { readonly ask: unknown };

/** What the radio process has of its own, or gets with its settings. */
type Local =
  | 'transport'
  | 'profiles'
  | 'uptime'
  | 'random'
  | 'timings'
  | 'maxLinks'
  | 'zoneOf'
  | 'policiesOf'
  | 'cursors'
  | 'users'
  | 'bonds';

/** A line for each callback; the compiler asks for those that are missing. */
export const CROSSINGS: Readonly<Record<Exclude<keyof RadioOptions, Local>, Crossing>> = {
  wants: { ask: false },
  holdOffMs: { ask: 0 },
  mayPair: { ask: true },
  // Never from memory: a bond that was once given up on purpose is not to be given up again by itself.
  mayPairAnew: 'call',
  passkeyOf: 'call',
  showPasskey: 'tell',
  onSecurity: 'tell',
  onDevice: 'tell',
  onBroadcast: 'tell',
  onClock: 'tell',
  onNotification: 'call',
  onLink: 'tell',
  log: 'tell',
};

export type CrossingName = keyof typeof CROSSINGS;

/** All of {@link RadioOptions} that crosses. */
export type Callbacks = Pick<RadioOptions, CrossingName>;

/** An answer that the agent gave, so that a radio process that starts anew need not ask again. */
export type Remembered = readonly [name: string, question: string, answer: unknown];

/** After this an answer is asked for again, behind the last one. */
const STALE_MS = 1_000;
/** Questions kept for each callback: strangers pass by all day. */
const MOST_QUESTIONS = 2_048;

/** Two questions are the same when nothing differs but how strong the signal is. */
export function questionOf(args: readonly unknown[]): string {
  return JSON.stringify(args, (key, value: unknown) => (key === 'rssi' ? undefined : value));
}

/** What is answered before the agent has; instead of what stands in {@link CROSSINGS}. */
export type Unanswered = { readonly [Name in CrossingName]?: Callbacks[Name] };

/** The callbacks, as the radio process calls them. */
export function crossOver(
  channel: Channel,
  names: readonly CrossingName[],
  remembered: readonly Remembered[],
  uptime: () => number,
  unanswered: Unanswered = {},
): Callbacks {
  const entries = names.map((name) => {
    const crossing = CROSSINGS[name];
    if (crossing === 'tell') return [name, (...args: unknown[]) => channel.tell(name, ...args)];
    if (crossing === 'call') return [name, (...args: unknown[]) => channel.call(name, ...args)];
    const known = remembered.flatMap(([of, question, answer]) => (of === name ? [[question, answer] as const] : []));
    const guess = (unanswered[name] ?? (() => crossing.ask)) as (...args: unknown[]) => unknown;
    return [name, askBehind(channel, name, guess, known, uptime)];
  });
  return Object.fromEntries(entries) as Callbacks;
}

function askBehind(
  channel: Channel,
  name: string,
  guess: (...args: unknown[]) => unknown,
  known: readonly (readonly [string, unknown])[],
  uptime: () => number,
): (...args: unknown[]) => unknown {
  const answers = new Map(known.map(([question, answer]) => [question, { answer, askedAt: Number.NEGATIVE_INFINITY }]));
  return (...args) => {
    const question = questionOf(args);
    const entry = answers.get(question) ?? { answer: guess(...args), askedAt: Number.NEGATIVE_INFINITY };
    // The one asked longest ago goes first.
    answers.delete(question);
    answers.set(question, entry);
    if (answers.size > MOST_QUESTIONS) answers.delete(answers.keys().next().value!);
    if (uptime() - entry.askedAt >= STALE_MS) {
      entry.askedAt = uptime();
      channel.call(name, ...args).then(
        (answer) => {
          entry.answer = answer;
        },
        () => undefined, // the last answer stands
      );
    }
    return entry.answer;
  };
}
