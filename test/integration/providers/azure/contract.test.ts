import { azureHarness, quickAzure } from '../../../support/azure-harness.js';
import { describeProviderContract } from '../../../support/provider-contract.js';
import { startSimulator } from '../../../../dev/testing/simulator.js';

// What only clouds show that make many machines in one call.
describeProviderContract(
  'Azure, one resource after another, against the simulator',
  'stepwise',
  async () => azureHarness(await startSimulator(quickAzure)),
  ['repeated launches', 'limited capacity', 'lost answers', 'refused places'],
);
