/** Faults in scenario files: a kind by its name, or an object with its options (`hci/fault-kinds.ts`). */
import { z } from 'zod';
import type { Fault, FaultKind } from '../hci/fault-kinds.ts';

const count = z.int().min(1).max(1_000_000);
const chance = { probability: z.number().min(0).max(1).exactOptional() };
const octet = z.int().min(0).max(0xff);
const requests = { opcode: octet.exactOptional(), handle: z.int().min(1).max(0xffff).exactOptional(), ...chance };
const address = z.string().regex(/^([\da-f]{2}:){5}[\da-f]{2}$/, 'is not an address in lower case');

/** One entry for each kind; the compiler asks for those that are missing. */
const OPTIONS = {
  'establishment-failure': { times: count.exactOptional() },
  'supervision-timeout': {},
  'drop-at-packet': { packet: count, reason: octet.exactOptional(), times: count.exactOptional() },
  'att-error': { code: octet, ...requests, times: count.exactOptional() },
  'no-answer': { ...requests, times: count.exactOptional() },
  'missing-cccd': { characteristic: z.int().min(1).max(0xffff).exactOptional() },
  'late-notifications': { by: z.int().min(1).max(100).exactOptional() },
  'doubled-notifications': chance,
  'reordered-notifications': chance,
  'lost-notifications': chance,
  mtu: { mtu: z.int().min(23).max(517).exactOptional() },
  fragmentation: { aclLength: z.int().min(27).max(251).exactOptional() },
  'malformed-values': {
    how: z.enum(['truncated', 'trailing', 'random']),
    reads: z.boolean().exactOptional(),
    ...chance,
  },
  'lost-keys': {},
  'address-rotation': {},
  'adapter-off': {},
  'scan-silence': { afterReports: z.int().min(0).exactOptional(), evenRestarted: z.boolean().exactOptional() },
  'spoofed-twin': { address: address.exactOptional() },
  latency: { turns: z.int().min(1).max(1000) },
  'credits-exhausted': { packets: count.exactOptional() },
} as const satisfies Readonly<Record<FaultKind, z.core.$ZodLooseShape>>;

const schemas = Object.entries(OPTIONS).map(([kind, options]) => z.strictObject({ kind: z.literal(kind), ...options }));
type FaultObject = (typeof schemas)[number];

const whole = z.discriminatedUnion('kind', schemas as [FaultObject, ...FaultObject[]]) as unknown as z.ZodType<Fault>;

/** A kind alone stands for the fault with its defaults; one that has to have options is refused without. */
export const faultSchema: z.ZodType<Fault> = z.preprocess(
  (value) => (typeof value === 'string' ? { kind: value } : value),
  whole,
);

/** What a fault befalls: one device, one home with all that is in it, or either. */
export const TARGETS: Readonly<Record<FaultKind, 'device' | 'home' | 'either'>> = {
  'establishment-failure': 'either',
  'supervision-timeout': 'device',
  'drop-at-packet': 'either',
  'att-error': 'either',
  'no-answer': 'either',
  'missing-cccd': 'device',
  'late-notifications': 'either',
  'doubled-notifications': 'either',
  'reordered-notifications': 'either',
  'lost-notifications': 'either',
  mtu: 'device',
  fragmentation: 'home',
  'malformed-values': 'either',
  'lost-keys': 'device',
  'address-rotation': 'device',
  'adapter-off': 'home',
  'scan-silence': 'home',
  'spoofed-twin': 'device',
  latency: 'either',
  'credits-exhausted': 'home',
};
