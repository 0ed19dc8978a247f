import { describe, expect, it } from 'vitest';
import { compileLogAnchor } from '../../ledger-writer/evm/compile.ts';
import artifact from '../../ledger-writer/evm/log-anchor.json' with { type: 'json' };

describe('the contract', () => {
  it('compiles to the artifact that is committed, byte for byte', () => {
    expect(compileLogAnchor()).toEqual(artifact);
    expect(artifact.deployedBytecode.length / 2, 'EIP-170').toBeLessThan(24_576);
  });
});
