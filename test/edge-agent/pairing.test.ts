import { describe, expect, it } from 'vitest';
import { ATTEMPTS, type PairingEvent, type PairingStep, startPairing, stepPairing } from '../../edge-agent/pairing.ts';

type Script = readonly (PairingEvent['type'] | Extract<PairingEvent, { type: 'refused' }>)[];

/** Runs events from the start; the answer is what was reported, and what else was done. */
function play(script: Script) {
  let step: PairingStep = startPairing();
  const effects = [...step.effects];
  for (const one of script) {
    step = stepPairing(step.state, typeof one === 'string' ? ({ type: one } as PairingEvent) : one);
    effects.push(...step.effects);
  }
  const reports = effects.flatMap((effect) => (effect.type === 'report' ? [effect.failure ?? effect.state] : []));
  return { state: step.state, reports, disconnects: effects.filter(({ type }) => type === 'disconnect').length };
}

describe('a pairing', () => {
  it('is proven only by coming back after a deliberate end of the first link', () => {
    const first = play(['heard', 'connecting', 'subscribed', 'value']);
    expect(first).toMatchObject({ state: { phase: 'parting' }, disconnects: 1 });
    const whole = play(['heard', 'connecting', 'subscribed', 'lost', 'heard', 'connecting', 'subscribed', 'value']);
    expect(whole).toEqual({
      state: { phase: 'hearing' },
      reports: ['connecting', 'connecting', 'bonded', 'proven', 'hearing'],
      disconnects: 1,
    });
  });

  it('asks for a passkey, and gives up when nobody types it', () => {
    expect(play(['connecting', 'passkey-asked', 'passkey-given', 'subscribed']).reports).toEqual([
      'connecting',
      'connecting',
      'passkey-needed',
      'pairing',
      'bonded',
    ]);
    expect(play(['connecting', 'passkey-asked', 'overdue']).reports.at(-1)).toBe('no-passkey');
  });

  it.each<[string, Script, string]>([
    ['was not heard', ['overdue'], 'not-heard'],
    ['was heard and not linked', ['heard', 'overdue'], 'no-link'],
    ['fails to connect again and again', Array(ATTEMPTS).fill(['connecting', 'lost']).flat(), 'no-link'],
    ['offers nothing', ['connecting', 'mute', 'lost', 'connecting', 'lost', 'connecting', 'mute'], 'no-standard-data'],
    ['does not let go', ['connecting', 'subscribed', 'overdue'], 'not-again'],
    ['does not come back', ['connecting', 'subscribed', 'lost', 'overdue'], 'not-again'],
    ['says nothing', ['connecting', 'subscribed', 'lost', 'subscribed', 'overdue'], 'no-reading'],
    ['refuses', ['connecting', { type: 'refused', failure: 'refused' }], 'refused'],
    [
      'shows other digits',
      ['connecting', 'passkey-asked', { type: 'refused', failure: 'wrong-passkey' }],
      'wrong-passkey',
    ],
  ])('that %s fails with its code', (_, script, failure) => {
    expect(play(script)).toMatchObject({ state: { phase: 'failed', failure } });
    expect(play(script).reports.at(-1)).toBe(failure);
  });

  it('goes on when the device comes too late', () => {
    const late = play(['connecting', 'subscribed', 'lost', 'overdue', 'heard', 'connecting', 'subscribed', 'value']);
    expect(late.reports.slice(-3)).toEqual(['not-again', 'proven', 'hearing']);
    expect(play(['overdue', 'heard', 'connecting', 'subscribed']).reports.at(-1)).toBe('bonded');
    // Nothing but a measurement would help there.
    expect(play(['connecting', 'mute', 'connecting', 'mute', 'lost', 'connecting']).reports.at(-1)).toBe(
      'no-standard-data',
    );
    expect(play(['connecting', 'mute', 'lost', 'connecting', 'subscribed']).reports.at(-1)).toBe('bonded');
    expect(play([{ type: 'refused', failure: 'refused' }, 'connecting', 'subscribed']).reports.at(-1)).toBe('refused');
  });
});
