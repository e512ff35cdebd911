import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AwsProviderConfig } from '../../providers/aws/config.js';
import { awsProvider } from '../../providers/aws/provider.js';
import type { BulkLaunching, LaunchSpec, Provider } from '../../providers/provider.js';
import { type RecordedContext, recordedContext } from './provider-context.js';
import type { ProviderHarness } from './provider-contract.js';
import type { SimulatorHandle } from '../../dev/testing/simulator.js';
import { workerOf } from './workers.js';

export const REGION = 'us-west-2';
/** An image that moto has, in a form that EC2 takes. */
const launchConfig = { region: REGION, launchConfig: { ImageId: 'ami-12c6146b', InstanceType: 't3.micro' } };

export const awsPool = { minCapacity: 0, maxCapacity: 10, launchConfigs: [launchConfig] };

export const awsSpec = (changes: Partial<LaunchSpec> = {}): LaunchSpec => ({
  token: randomUUID(),
  workerPoolId: 'proj/pool',
  owner: 'me@example.com',
  launchConfigId: 'lc-1',
  configuration: launchConfig,
  count: 1,
  ...changes,
});

export function awsAt(
  endpoint: string,
  changes: Partial<AwsProviderConfig> = {},
  context: RecordedContext = recordedContext(),
): { provider: Provider; launching: BulkLaunching; context: RecordedContext } {
  const config = {
    providerType: 'aws',
    endpoint,
    regions: [REGION],
    identityCertificates: null,
    draining: false,
  } as const;
  const provider = awsProvider({ ...config, ...changes }, context);
  return { provider, launching: provider.launching as BulkLaunching, context };
}

/** The AWS provider with an EC2 endpoint behind it. */
export function awsHarness(endpoint: string, changes: Partial<AwsProviderConfig> = {}): ProviderHarness {
  const { provider, context } = awsAt(endpoint, changes);
  return {
    provider,
    context,
    pool: awsPool,
    spec: awsSpec,
    makeForeign: async () => {
      const theirs = awsAt(endpoint, {}, recordedContext({ deploymentId: 'c0ffee00-0000-4000-8000-00000000beef' }));
      const { machines } = await theirs.launching.submit(theirs.launching.prepare(awsSpec()));
      return machines[0]!;
    },
    unknownMachine: () => ({
      workerGroup: REGION,
      workerId: 'i-0ffffffffffffffff',
      location: { account: null, region: REGION, group: null },
    }),
    close: async () => {},
  };
}

/** The same against our simulator, which can do everything that the contract speaks of. */
export async function simulatorHarness(simulator: SimulatorHandle): Promise<ProviderHarness> {
  const folder = mkdtempSync(join(tmpdir(), 'aws-contract-'));
  const identityCertificates = join(folder, 'certificates.json');
  writeFileSync(identityCertificates, JSON.stringify(await simulator.identityCertificates()));
  const harness = awsHarness(simulator.ec2Endpoint, { identityCertificates });
  const launching = harness.provider.launching as BulkLaunching;
  const operations = { create: 'RunInstances', read: 'DescribeInstances', delete: 'TerminateInstances' };
  return {
    ...harness,
    limitCapacity: async (machines) => {
      const alive = (await simulator.machines()).filter(
        ({ region, state }) => region === REGION && state !== 'terminated',
      );
      await simulator.setCapacity(REGION, machines === null ? null : alive.length + machines);
    },
    loseAnswer: async () => void (await simulator.addFault({ operation: 'RunInstances', mode: 'lose-answer' })),
    throttle: async (operation) => {
      const fault = { operation: operations[operation], mode: 'refuse', code: 'RequestLimitExceeded' } as const;
      await simulator.addFault(fault);
    },
    proven: async () => {
      const { machines } = await launching.submit(launching.prepare(awsSpec()));
      const [machine] = machines;
      return { worker: workerOf(machine!), proof: await simulator.identityDocument(machine!.workerId) };
    },
    close: async () => {
      rmSync(folder, { recursive: true, force: true });
      await simulator.stop();
    },
  };
}
