import { awsHarness, simulatorHarness } from '../../../support/aws-harness.js';
import { startMoto } from '../../../support/moto.js';
import { describeProviderContract } from '../../../support/provider-contract.js';
import { startSimulator } from '../../../../dev/testing/simulator.js';

// A region that is refused for good is in the unit tests. EC2 does not tell when a launch has ended.
describeProviderContract(
  'AWS, against the simulator',
  'bulk',
  async () =>
    simulatorHarness(await startSimulator({ machines: 'off', bootMs: 50, listDelayMs: 200, shutdownMs: 100 })),
  ['settled launches', 'refused places'],
);

// moto makes new machines for a token that it has seen and shows none, has room for any number, and cannot be made to
// fail or to sign.
describeProviderContract(
  'AWS, against moto',
  'bulk',
  async () => {
    const moto = await startMoto();
    return { ...awsHarness(moto.endpoint), close: () => moto.stop() };
  },
  [
    'settled launches',
    'repeated launches',
    'request records',
    'limited capacity',
    'lost answers',
    'throttling',
    'identity proofs',
    'refused places',
  ],
);
