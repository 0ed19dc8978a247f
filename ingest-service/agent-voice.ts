/**
 * The private side of the talk with agents (docs/format.md §6): opens their reports, and seals actions to the key that an
 * agent named last. Only the newest of an agent is known, in memory; nothing of it is logged.
 */
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { type AgentAction, encodeActions } from '../protocol/agent-action.ts';
import { encodeHex, equalBytes } from '../protocol/bytes.ts';
import type { Verify } from '../protocol/cose.ts';
import { hpkeKeyId } from '../protocol/envelope.ts';
import { Fault } from '../protocol/fault.ts';
import { type AgentId, decodeId } from '../protocol/keys.ts';
import { decodePrivateMessage, encodePrivateMessage, privateAad, privateInfo } from '../protocol/private-message.ts';
import { openReport, type Report } from '../protocol/report.ts';
import type { Instant } from '../protocol/time.ts';

export interface AgentVoices {
  /**
   * A report, when it is newer than all before. Throws `too-large`, `truncated`, `version`, `wrong-key`, `wrong-topic`,
   * `encrypted`, `malformed`, `not-canonical`, `range`, `bad-signature`, `expired` (seen before, or older).
   */
  hear(agent: AgentId, payload: Uint8Array): Promise<Report>;
  /** Seals actions to the agent's newest key; `undefined` when it has named none that works since the service started. */
  seal(agent: AgentId, actions: readonly AgentAction[]): Promise<Uint8Array | undefined>;
  /** When the agent reported last. */
  heardAt(agent: AgentId): Instant | undefined;
}

export interface VoicesDeps {
  /** 32 random octets, the input key material of DeriveKeyPair (RFC 9180 §7.1.3): those of the envelopes. */
  readonly hpkeSecret: Uint8Array;
  readonly publicKeyOf: (agent: AgentId) => Uint8Array | undefined;
  readonly verify: Verify;
}

const MAX_BOOTS = 10_000;

interface Voice {
  readonly boot: string;
  readonly number: number;
  readonly at: Instant;
  readonly hpkePublicKey?: Uint8Array;
}

export async function createAgentVoices({ hpkeSecret, publicKeyOf, verify }: VoicesDeps): Promise<AgentVoices> {
  const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
  const pair = await suite.kem.deriveKeyPair(asBuffer(hpkeSecret));
  const hpkePublicKey = new Uint8Array(await suite.kem.serializePublicKey(pair.publicKey));
  const voices = new Map<AgentId, Voice>();
  const earlier = new Set<string>();

  async function decrypt(agent: Uint8Array, payload: Uint8Array): Promise<Uint8Array> {
    const message = decodePrivateMessage('report', payload, { hpkePublicKey, agent });
    const params = {
      recipientKey: pair.privateKey,
      enc: asBuffer(message.encapsulated),
      info: asBuffer(privateInfo('report')),
    };
    const aad = asBuffer(privateAad('report', message));
    const opened = suite.open(params, asBuffer(message.ciphertext), aad);
    return new Uint8Array(
      await opened.catch(() => {
        throw new Fault('encrypted', 'does not open with the service key');
      }),
    );
  }

  /** An agent's clock may be set back, so a boot that is over is known by its name and not by its time. */
  function rememberBoot(boot: string): void {
    earlier.add(boot);
    if (earlier.size > MAX_BOOTS) earlier.delete(earlier.values().next().value!);
  }

  return {
    async hear(agent, payload) {
      const publicKey = publicKeyOf(agent);
      if (!publicKey) throw new Fault('unknown-agent', 'not enrolled');
      const report = openReport(await decrypt(decodeId(agent), payload), publicKey, verify);
      if (!equalBytes(report.agent, decodeId(agent))) throw new Fault('wrong-topic', 'a report of another agent');
      const known = voices.get(agent);
      const boot = encodeHex(report.boot);
      const isNewer = known?.boot === boot ? report.number > known.number : !earlier.has(boot);
      if (!isNewer) throw new Fault('expired', 'a report that was heard before');
      if (known && known.boot !== boot) rememberBoot(known.boot);
      const { content, number, at } = report;
      const key = content.type === 'hello' ? content.hpkePublicKey : known?.boot === boot && known.hpkePublicKey;
      voices.set(agent, { boot, number, at, ...(key && { hpkePublicKey: key }) });
      return report;
    },

    async seal(agent, actions) {
      const key = voices.get(agent)?.hpkePublicKey;
      if (!key) return undefined;
      const to = { keyId: hpkeKeyId(key), agent: decodeId(agent) };
      const [plaintext, aad] = [asBuffer(encodeActions(actions)), asBuffer(privateAad('action', to))];
      // A key of small order (RFC 9180 §7.1.4) is none: its agent cannot be reached.
      const sealed = await suite.kem
        .deserializePublicKey(asBuffer(key))
        .then((recipientPublicKey) =>
          suite.seal({ recipientPublicKey, info: asBuffer(privateInfo('action')) }, plaintext, aad),
        )
        .catch(() => undefined);
      if (!sealed) return undefined;
      const { enc, ct } = sealed;
      const message = { ...to, encapsulated: new Uint8Array(enc), ciphertext: new Uint8Array(ct) };
      return encodePrivateMessage('action', message);
    },

    heardAt: (agent) => voices.get(agent)?.at,
  };
}

function asBuffer(bytes: Uint8Array): ArrayBuffer {
  return bytes.slice().buffer as ArrayBuffer;
}
