import { startSimulator } from '../../../../dev/testing/simulator.js';
import { googleHarness } from '../../../support/google-harness.js';
import { describeProviderContract } from '../../../support/provider-contract.js';

// Google keeps nothing of a machine that is gone.
describeProviderContract(
  'Google, against the simulator',
  'bulk',
  async () =>
    googleHarness(
      await startSimulator({
        machines: 'off',
        bootMs: 50,
        googleInsertMs: 300,
        googleDeleteMs: 300,
        googleListDelayMs: 100,
      }),
    ),
  ['listed ends'],
);
