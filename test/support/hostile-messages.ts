/** Messages that must not get in, each with the code of its refusal. */
import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { createContentSealer } from '../../edge-agent/seal.ts';
import { concatBytes } from '../../protocol/bytes.ts';
import type { FaultCode } from '../../protocol/fault.ts';
import { deviceHandle } from '../../protocol/keys.ts';
import { batchesTopic } from '../../protocol/topics.ts';
import type { SimulatedPatient } from '../../simulators/patients.ts';
import { newSigner, type RawAgent } from './raw-agent.ts';

export const STRAP = 'c4:00:00:00:00:01';
export const OTHER_STRAP = 'c4:00:00:00:00:02';

/** Two agents, each for the strap of one patient; the first is the villain. */
export interface Cast {
  readonly agent: RawAgent;
  readonly other: RawAgent;
  readonly ada: SimulatedPatient;
  readonly ben: SimulatedPatient;
}

/** 64 KiB that would be 64 MiB. */
const BOMB = deflateRawSync(new Uint8Array(64 * 1024 * 1024));

export interface Hostile {
  readonly what: string;
  readonly code: FaultCode;
  /** Payload, and topic where it is not the agent's own. */
  readonly make: (cast: Cast) => Promise<readonly [Uint8Array, string?]>;
  /** More that the refusal says. */
  readonly says?: (cast: Cast) => object;
}

const only = async (crafted: Promise<{ envelope: Uint8Array }>) => [(await crafted).envelope] as const;

export const HOSTILE: readonly Hostile[] = [
  {
    what: 'a good batch on the topic of another agent',
    code: 'wrong-topic',
    make: async ({ agent, other }) => [(await agent.craft()).envelope, batchesTopic(other.id)],
  },
  {
    what: 'a topic that is none',
    code: 'wrong-topic',
    make: async ({ agent }) => [(await agent.craft()).envelope, 'veravita/v1/batches'],
  },
  { what: 'an envelope of another agent', code: 'wrong-topic', make: ({ other }) => only(other.craft()) },
  {
    what: 'a header that names another agent',
    code: 'wrong-topic',
    make: ({ agent, other }) => only(agent.craft({ header: { agent: other.thumb } })),
  },
  {
    what: 'a header signed with another key',
    code: 'bad-signature',
    make: ({ agent }) => only(agent.craft({ signer: newSigner() })),
  },
  {
    what: 'another root under a good signature',
    code: 'wrong-root',
    make: ({ agent }) => only(agent.craft({ header: { root: new Uint8Array(randomBytes(32)) } })),
    says: ({ agent }) => ({ sequence: agent.sequence + 1 }),
  },
  {
    what: 'fewer leaves than the header says',
    code: 'wrong-root',
    make: ({ agent }) => only(agent.craft({ header: { leafCount: 4 } })),
  },
  {
    what: 'a gap in the sequence',
    code: 'sequence-gap',
    make: ({ agent }) => only(agent.craft({ header: { sequence: agent.sequence + 3 } })),
    says: ({ agent }) => ({ retry: 'later', expected: agent.sequence + 1 }),
  },
  {
    what: 'an envelope sealed to another key',
    code: 'wrong-key',
    make: async ({ agent }) => only(agent.craft({ sealContent: await createContentSealer(x25519Key()) })),
  },
  {
    what: 'a flipped bit in the ciphertext',
    code: 'encrypted',
    make: async ({ agent }) => {
      const { envelope } = await agent.craft();
      envelope[envelope.length - 40]! ^= 1;
      return [envelope];
    },
  },
  {
    what: 'an envelope cut in its ciphertext',
    code: 'encrypted',
    make: async ({ agent }) => [(await agent.craft()).envelope.slice(0, -1)],
  },
  {
    what: 'an envelope cut in its frame',
    code: 'truncated',
    make: async ({ agent }) => [(await agent.craft()).envelope.slice(0, 60)],
  },
  { what: 'nothing at all', code: 'truncated', make: async () => [new Uint8Array()] },
  { what: 'noise', code: 'version', make: async () => [new Uint8Array(randomBytes(500))] },
  { what: 'a message of 2 MiB', code: 'too-large', make: async () => [new Uint8Array(2 * 1024 * 1024)] },
  {
    what: 'an envelope one octet over its limit',
    code: 'too-large',
    make: async ({ agent }) => [
      concatBytes((await agent.craft()).envelope, new Uint8Array(1024 * 1024)).slice(0, 1024 * 1024 + 1),
    ],
  },
  {
    what: 'content that inflates to 64 MiB',
    code: 'too-large',
    make: ({ agent }) => only(agent.craft({ deflated: () => BOMB })),
  },
  {
    what: 'content that does not inflate',
    code: 'malformed',
    make: ({ agent }) => only(agent.craft({ deflated: () => new Uint8Array([0xff, 0xff, 0xff]) })),
  },
  {
    what: 'content that is no batch',
    code: 'malformed',
    make: ({ agent }) => only(agent.craft({ plaintext: () => new Uint8Array([0x80]) })),
  },
  {
    what: 'content with something after its end',
    code: 'malformed',
    make: ({ agent }) => only(agent.craft({ plaintext: (honest) => concatBytes(honest, new Uint8Array(1)) })),
  },
  {
    what: 'arrays in arrays without end',
    code: 'malformed',
    make: ({ agent }) => only(agent.craft({ plaintext: () => new Uint8Array(1_000_000).fill(0x81) })),
  },
  {
    what: 'eight million empty things',
    code: 'too-large',
    make: ({ agent }) => only(agent.craft({ plaintext: manyThings })),
  },
  {
    what: 'a patient for whom the agent may not speak',
    code: 'wrong-subject',
    make: ({ agent, ben }) =>
      only(
        agent.craft({ segments: [agent.segment(2, ben.subject, deviceHandle(ben.subject, 'random', OTHER_STRAP))] }),
      ),
  },
  {
    what: 'a device that is not assigned',
    code: 'wrong-subject',
    make: ({ agent, ada }) => only(agent.craft({ segments: [agent.segment(2, ada.subject, new Uint8Array(16))] })),
  },
  {
    what: 'leaves out of order',
    code: 'bad-leaf',
    make: ({ agent }) => {
      const segment = agent.segment();
      return only(agent.craft({ segments: [{ ...segment, bodies: segment.bodies.toReversed() }] }));
    },
  },
  {
    what: 'one vital sign under two salt keys',
    code: 'bad-leaf',
    make: ({ agent }) => only(agent.craft({ segments: [agent.segment(2), { ...agent.segment(2), start: 2 }] })),
  },
  {
    what: 'a leaf that is none',
    code: 'bad-leaf',
    make: ({ agent }) => {
      const segment = agent.segment();
      return only(agent.craft({ segments: [{ ...segment, bodies: [...segment.bodies, new Uint8Array([0xa0])] }] }));
    },
  },
];

/** CBOR array of as many empty byte strings as the plaintext may have octets. */
function manyThings(): Uint8Array {
  const count = 8 * 1024 * 1024 - 16;
  const bytes = new Uint8Array(count + 5).fill(0x40);
  bytes[0] = 0x9a;
  new DataView(bytes.buffer).setUint32(1, count);
  return bytes;
}

function x25519Key(): Uint8Array {
  return new Uint8Array(randomBytes(32)).fill(0, 31);
}
