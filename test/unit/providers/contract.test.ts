import { randomUUID } from 'node:crypto';
import { ProviderError } from '../../../providers/errors.js';
import { staticProvider } from '../../../providers/static/provider.js';
import { describeProviderContract, type ProviderHarness } from '../../support/provider-contract.js';
import { recordedContext } from '../../support/provider-context.js';
import { RecordingCloud } from '../../support/recording-cloud.js';
import { recordedProof, recordingProvider } from '../../support/recording-provider.js';
import { workerOf } from '../../support/workers.js';

describeProviderContract('static', 'none', async () => {
  const context = recordedContext({ providerId: 'hand' });
  const key = { workerPoolId: 'proj/pool', workerGroup: 'rack', workerId: 'machine-1' };
  const secret = 's'.repeat(44);
  const identityAttributes = { secretFingerprint: context.fingerprint(key, secret) };
  return {
    provider: staticProvider(context),
    context,
    pool: { lifecycle: {}, workerConfig: {} },
    proven: async () => ({
      worker: workerOf({ ...key, location: { account: null, region: null, group: null }, identityAttributes }),
      proof: { staticSecret: secret },
    }),
    close: async () => {},
  };
});

const recordingHarness = async (kind: 'bulk' | 'stepwise'): Promise<ProviderHarness> => {
  const cloud = new RecordingCloud();
  const context = recordedContext();
  const location = { account: 'account', region: 'here', group: null };
  const throttled = new ProviderError({ code: 'Throttled', message: 'slow down', retryAfterMs: 1_000 });
  const operations = { create: 'submit', read: 'observe', delete: 'remove' } as const;
  return {
    provider: recordingProvider(context, cloud, kind),
    context,
    pool: { minCapacity: 0, maxCapacity: 1, launchConfigs: [{ region: 'here' }] },
    spec: (changes) => ({
      token: randomUUID(),
      workerPoolId: 'proj/pool',
      owner: 'me@example.com',
      launchConfigId: 'lc-1',
      configuration: { region: 'here' },
      count: 1,
      ...changes,
    }),
    makeForeign: async () => {
      const machine = { workerGroup: 'here', workerId: 'foreign', location, identityAttributes: {} };
      const resources = new Map([['machine', 'running' as const]]);
      cloud.add({ machine, launchToken: 'x', workerPoolId: 'their/pool', deploymentId: 'theirs', resources });
      return machine;
    },
    unknownMachine: () => ({ workerGroup: 'here', workerId: 'unknown', location }),
    limitCapacity: async (machines) => {
      cloud.capacity = machines === null ? Number.POSITIVE_INFINITY : cloud.alive().length + machines;
    },
    loseAnswer: async () => {
      const error = new ProviderError({ code: 'Unavailable', message: 'no answer' });
      cloud.fail({ operation: 'submit', error, after: true });
    },
    throttle: async (operation) => cloud.fail({ operation: operations[operation], error: throttled }),
    refuseLocation: async () => {
      cloud.refusedRegions.add('there');
      return { open: location, refused: { ...location, region: 'there' } };
    },
    proven: async () => ({
      worker: workerOf({ workerGroup: 'here', workerId: 'machine-1', location, identityAttributes: {} }),
      proof: recordedProof('machine-1'),
    }),
    close: async () => {},
  };
};

// It does not tell of the end of a launch, as EC2 does not.
describeProviderContract('the recording provider, in bulk', 'bulk', () => recordingHarness('bulk'), [
  'settled launches',
]);
describeProviderContract('the recording provider, stepwise', 'stepwise', () => recordingHarness('stepwise'));
