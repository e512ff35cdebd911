import { afterAll, beforeAll, describe } from '@jest/globals';
import { bulkPromises } from './provider-contract/bulk.js';
import { commonPromises } from './provider-contract/common.js';
import type { Ability, ProviderHarness } from './provider-contract/harness.js';
import { machinePromises } from './provider-contract/machines.js';
import { stepwisePromises } from './provider-contract/stepwise.js';

export type { Ability, ProviderHarness } from './provider-contract/harness.js';

/**
 * Holds a provider to `providers/provider.ts`. `kind` is the kind of its launching; `lacks` names what the cloud behind
 * this harness cannot show (say why where you call it).
 */
export function describeProviderContract(
  name: string,
  kind: 'bulk' | 'stepwise' | 'none',
  makeHarness: () => Promise<ProviderHarness>,
  lacks: readonly Ability[] = [],
): void {
  describe(`the provider contract: ${name}`, () => {
    let opened: ProviderHarness;
    const harness = () => opened;
    const can = (ability: Ability) => !lacks.includes(ability);
    beforeAll(async () => {
      opened = await makeHarness();
    }, 300_000);
    afterAll(() => opened.close());

    commonPromises(harness, can);
    if (kind === 'bulk') bulkPromises(harness, can);
    if (kind === 'stepwise') stepwisePromises(harness);
    if (kind !== 'none') machinePromises(harness, can);
  });
}
