/**
 * Very many altered forms of genuine things into every reader of the protocol, and into what reads files and requests:
 * nothing crashes, nothing is slow, and nothing that was altered is taken for genuine.
 */

import { readFileSync } from 'node:fs';
import { deflateRawSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { createContentSealer } from '../../edge-agent/seal.ts';
import { type AcceptContext, accept } from '../../ingest-service/accept.ts';
import { createUnsealer } from '../../ingest-service/unseal.ts';
import { decodeEvidence, encodeEvidence, evidenceFromJson, verifyEvmEvidence } from '../../protocol/anchor-evidence.ts';
import { NO_BATCH, readHeader } from '../../protocol/batch.ts';
import { encodeBase64Url, encodeHex, encodeUtf8, equalBytes } from '../../protocol/bytes.ts';
import { decodeCbor, encodeCbor } from '../../protocol/cbor.ts';
import { openCheckpoint } from '../../protocol/checkpoint.ts';
import { openSigned } from '../../protocol/cose.ts';
import { signCertificate } from '../../protocol/coverage-certificate.ts';
import { encodeContent } from '../../protocol/envelope.ts';
import { verifyErasureCertificate } from '../../protocol/erasure-certificate.ts';
import { Fault } from '../../protocol/fault.ts';
import { signKeyEvent } from '../../protocol/key-event.ts';
import { agentIdOf, thumbprint } from '../../protocol/keys.ts';
import { encodeLeaf } from '../../protocol/leaf.ts';
import { hashLeaf, rootOf } from '../../protocol/merkle.ts';
import { encodeReceipt } from '../../protocol/receipt.ts';
import { codeOfReceipt, packOfCode } from '../../protocol/receipt-code.ts';
import { packReceipts, unpackReceipts } from '../../protocol/receipt-pack.ts';
import { encodeEntryBundle, tilePath } from '../../protocol/tile-paths.ts';
import { bindTiles } from '../../protocol/tlog-tiles.ts';
import { batchesTopic } from '../../protocol/topics.ts';
import { verifyReceipt, verifyReceipts } from '../../protocol/verify.ts';
import { verifyCoverage } from '../../protocol/verify-coverage.ts';
import { readBtsnoop } from '../../simulators/btsnoop/btsnoop-file.ts';
import { parseRecording } from '../../simulators/recording.ts';
import { nodeVerify } from '../support/node-verify.ts';
import { rawRequest } from '../support/raw-http.ts';
import {
  buildBatch,
  OTHER_LEAVES,
  PARTIES,
  readingLeaves,
  receiptOf,
  SUBJECT,
  trustIn,
} from '../support/receipt-builder.ts';
import { recordRadio } from '../support/recorded-radio.ts';
import { alterBytes, alterText, STORM_SEED, type Storm, storm } from '../support/storm.ts';
import { openTestWorld, type TestWorld } from '../support/test-world.ts';

const timeout = 4 * 3_600_000;
const bytesShown = (bytes: Uint8Array) => encodeHex(bytes.subarray(0, 4096));

/** Stops everything: an altered thing was taken for genuine. */
class Accepted extends Error {}

/** Runs the reader on altered forms; `read` says whether it took one for genuine. */
function altered<Input>(good: Input, alter: Storm<Input>['next'], show: Storm<Input>['show'], stream: number) {
  return async (read: (input: Input) => boolean | Promise<boolean>) => {
    const judge = (input: Input, accepted: boolean) => {
      if (accepted) throw new Accepted(`seed ${STORM_SEED}: accepted ${show(input)}`);
    };
    expect(await read(good)).toBe(true);
    return storm(stream, {
      next: alter,
      show,
      read: (input) => {
        const accepted = read(input);
        return typeof accepted === 'boolean' ? judge(input, accepted) : accepted.then((taken) => judge(input, taken));
      },
    });
  };
}

let streams = 0x7000;
const bytes = (good: Uint8Array) =>
  altered(
    good,
    (weather) => alterDifferently(good, () => alterBytes(good, weather), equalBytes),
    bytesShown,
    streams++,
  );
const texts = (good: string) =>
  altered(
    good,
    (weather) =>
      alterDifferently(
        good,
        () => alterText(good, weather),
        (a, b) => a === b,
      ),
    (text) => JSON.stringify(text.slice(0, 4096)),
    streams++,
  );

/** Changes may cancel each other out. */
function alterDifferently<T>(good: T, alter: () => T, same: (a: T, b: T) => boolean): T {
  for (;;) {
    const input = alter();
    if (!same(input, good)) return input;
  }
}

const [beat] = readingLeaves({ characteristic: 0x2a37, hex: '06aa' });
const batch = buildBatch([beat!, ...OTHER_LEAVES], PARTIES.agent);
const receipt = receiptOf(batch, 0);
const trust = trustIn(PARTIES);
const receiptText = encodeReceipt(receipt);
const note = receipt.logProof.slice(receipt.logProof.indexOf('\n\n') + 2);
const ANCHORED = JSON.parse(readFileSync(new URL('../vectors/anchor-evm.json', import.meta.url), 'utf8')) as {
  readonly evidence: readonly object[];
};

describe(`the protocol, seed ${STORM_SEED}`, () => {
  it('CBOR: what decodes is its one encoding', { timeout }, async () => {
    const good = encodeLeaf(beat!);
    const returned = await storm(0x6000, {
      next: (weather) => alterBytes(good, weather),
      show: bytesShown,
      read: (input) => {
        if (!equalBytes(encodeCbor(decodeCbor(input)), input)) throw new Accepted(bytesShown(input));
      },
    });
    expect(returned).toBeGreaterThan(0);
  });

  it('COSE: no altered signed thing opens', { timeout }, async () => {
    const { signed } = batch.signed;
    await bytes(signed)((input) => {
      openSigned('batch', input, PARTIES.agent.publicKey, nodeVerify);
      return true;
    });
  });

  it('envelope: no altered one is accepted', { timeout }, async () => {
    const unsealer = await createUnsealer(new Uint8Array(32).fill(7));
    const seal = await createContentSealer(unsealer.publicKey);
    const content = encodeContent({ signedHeader: batch.signed.signed, segments: batch.segments });
    const agent = agentIdOf(PARTIES.agent.publicKey);
    const context: AcceptContext = {
      unsealer,
      verify: nodeVerify,
      publicKeyOf: () => PARTIES.agent.publicKey,
      headOf: () => ({ sequence: 0, id: NO_BATCH }),
      acceptedId: () => undefined,
      isLost: () => false,
      hasStray: () => false,
      maySpeakFor: () => true,
      lastOf: () => undefined,
      isFrozen: () => false,
    };
    const isAccepted = async (envelope: Uint8Array) =>
      (await accept(batchesTopic(agent), envelope, context)).outcome === 'accepted';
    await bytes(await seal(deflateRawSync(content), batch.signed.header.agent))(isAccepted);

    // Behind the seal: what a thief of the service's public key can send.
    const isContentAccepted = async (plaintext: Uint8Array) => {
      const inside = { ...context, unsealer: { ...unsealer, open: async () => plaintext } };
      const envelope = await sealed;
      return (await accept(batchesTopic(agent), envelope, inside)).outcome === 'accepted';
    };
    const sealed = seal(deflateRawSync(content), batch.signed.header.agent);
    await bytes(content)(isContentAccepted);
  });

  it('receipt: no altered one is genuine', { timeout }, async () => {
    const members = JSON.stringify(JSON.parse(receiptText));
    await texts(receiptText)((text) => {
      if (verifyReceipt(text, trust, nodeVerify).verdict !== 'genuine') return false;
      // White space between members is not part of a receipt.
      return text === receiptText || JSON.stringify(JSON.parse(text)) !== members;
    });
  });

  it('checkpoint: no altered one says another size or root', { timeout }, async () => {
    const { checkpoint: genuine } = openCheckpoint(note, [trust.log], trust.log.name, nodeVerify);
    await texts(note)((text) => {
      const { checkpoint } = openCheckpoint(text, [trust.log], trust.log.name, nodeVerify);
      return text === note || checkpoint.size !== genuine.size || !equalBytes(checkpoint.root, genuine.root);
    });
  });

  it('pack and code: no altered one holds another genuine receipt', { timeout }, async () => {
    const pack = packReceipts([receipt]);
    const isOther = (verdict: string, unpacked: () => string) =>
      verdict === 'genuine' && unpacked() !== encodeReceipt(receipt);
    await bytes(pack)((input) => {
      const [verdict] = verifyReceipts(input, { trust, verify: nodeVerify });
      return input === pack || isOther(verdict!.verdict, () => encodeReceipt(unpackReceipts(input)[0]!));
    });
    const code = codeOfReceipt(receipt)!;
    await texts(code)((text) => {
      const [verdict] = verifyReceipts(encodeUtf8(text), { trust, verify: nodeVerify });
      return text === code || isOther(verdict!.verdict, () => encodeReceipt(unpackReceipts(packOfCode(text))[0]!));
    });
  });

  it('evidence of a chain: no altered one says another root', { timeout }, async () => {
    const [good] = ANCHORED.evidence.map((one) => encodeEvidence(evidenceFromJson(one)));
    const claim = (text: string) => {
      const evidence = decodeEvidence(text);
      const block = verifyEvmEvidence(evidence);
      const { size, root, contract } = evidence;
      return { says: [size, encodeHex(root), encodeHex(contract)].join(' '), block: encodeHex(block.hash) };
    };
    const genuine = claim(good!);
    await texts(good!)((text) => {
      const { says, block } = claim(text);
      // Of another block anything may be said: whoever reads it does not know that block.
      return text === good || (block === genuine.block && says !== genuine.says);
    });
  });

  it('certificates: a verdict on anything', { timeout }, async () => {
    const agent = thumbprint(PARTIES.agent.publicKey);
    const newest = { sequence: 1, id: readHeader(receipt.header).id };
    const wish = { type: 'revocation', agent, reason: 'lost (HTEST)', newest, at: 5 } as const;
    const revocation = signKeyEvent(wish, PARTIES.service);
    const certificate = signCertificate(
      {
        ...{ subject: SUBJECT, from: 0, to: 9, issuedAt: 9, checkpoint: note, proof: [], devices: [] },
        agents: [
          {
            enrolment: receipt.enrolment,
            batches: [{ header: receipt.header, logIndex: 6, receivedAt: 5 }],
            keyEvents: [{ event: revocation, logIndex: 7 }],
          },
        ],
      },
      PARTIES.service,
    );
    await storm(streams++, {
      next: (weather) => alterBytes(certificate, weather),
      read: (input) => {
        if (verifyCoverage(input, trust, nodeVerify).verdict !== 'red') throw new Accepted(bytesShown(input));
      },
      show: bytesShown,
    });
    await storm(streams++, {
      next: (weather) => alterText(receiptText, weather),
      read: (text) => verifyErasureCertificate(text, trust, nodeVerify),
      show: (text) => JSON.stringify(text),
    });
  });

  it('tile and entries: no altered one is bound', { timeout }, async () => {
    const entries = Array.from({ length: 70 }, (_, i) => new Uint8Array(32).fill(i));
    const hashes = entries.map((entry) => hashLeaf(entry));
    const head = { size: 70, root: rootOf(hashes) };
    const tile = Uint8Array.from(hashes.flatMap((hash) => [...hash]));
    const bundle = encodeEntryBundle(entries);
    const files = new Map([
      [tilePath({ level: 0, index: 0, width: 70 }), tile],
      [tilePath({ level: 'entries', index: 0, width: 70 }), bundle],
    ]);
    const reading = (path: string, file: Uint8Array) => (asked: string) => (asked === path ? file : files.get(asked));
    await bytes(tile)(async (input) => {
      await bindTiles(head, reading([...files.keys()][0]!, input));
      return true;
    });
    await bytes(bundle)(async (input) => {
      const bound = await bindTiles(head, reading([...files.keys()][1]!, input));
      const read = await bound.entry(5);
      return input === bundle || !equalBytes(read, entries[5]!);
    });
  });
});

describe(`files, seed ${STORM_SEED}`, () => {
  it('CSV: rows or a refusal', { timeout }, async () => {
    const good = 'subject,measuredAt,heart-rate [/min]\na,2026-03-01T08:00:00,72\nb,2026-03-01T08:00:01,71\n';
    const returned = await storm(0x6001, {
      next: (weather) => alterText(good, weather),
      read: (text) => parseRecording(text),
      show: (text) => JSON.stringify(text),
    });
    expect(returned).toBeGreaterThan(0);
  });

  it('btsnoop: records or a refusal', { timeout }, async () => {
    const good = (await recordRadio()).file.slice(0, 1500);
    await storm(0x6002, {
      next: (weather) => alterBytes(good, weather),
      read: (input) => readBtsnoop(input),
      show: bytesShown,
    });
  });
});

describe(`requests, seed ${STORM_SEED}`, () => {
  let world: TestWorld | undefined;
  afterAll(() => world?.close());

  const ROUTES = [
    ['/agent/enrolment', JSON.stringify({ code: 'a'.repeat(26), publicKey: 'A'.repeat(43), proof: 'A'.repeat(86) })],
    ['/api/consent/events', JSON.stringify({ event: encodeBase64Url(receipt.header) })],
    ['/api/pairing/scan', JSON.stringify({ gateway: 'a'.repeat(52) })],
    ['/api/pairing/passkey', JSON.stringify({ device: 'a', passkey: 123_456 })],
    ['/fhir/R4/Observation/_search', 'code=8867-4&date=ge2026-03-01'],
  ] as const;

  it('bodies: a refusal, never a failure of ours, never an effect', { timeout }, async () => {
    world = await openTestWorld();
    const { url, counters } = world.service;
    const before = world.countBatches();
    await storm(0x6003, {
      next: (weather) => {
        const [path, body] = ROUTES[weather.below(ROUTES.length)]!;
        const type = path.startsWith('/fhir') ? 'application/x-www-form-urlencoded' : 'application/json';
        return { path, body: alterText(body, weather), type };
      },
      show: (request) => JSON.stringify(request),
      read: async ({ path, body, type }) => {
        const { status } = await rawRequest(url, { method: 'POST', path, body, headers: { 'content-type': type } });
        if (status < 400 || status >= 500) throw new Accepted(`${path} answered ${status} to ${JSON.stringify(body)}`);
        throw new Fault('malformed', 'refused');
      },
    });
    expect(world.countBatches()).toBe(before);
    expect(Object.keys(counters.snapshot()).filter((name) => name.includes('inconsistent'))).toEqual([]);
  });
});
