import { randomUUID } from 'node:crypto';
import { googleProviderConfig } from '../../dev/testing/google-pool.js';
import type { SimulatorHandle } from '../../dev/testing/simulator.js';
import type { GoogleProviderConfig } from '../../providers/google/config.js';
import { googleProvider } from '../../providers/google/provider.js';
import type { BulkLaunching, LaunchSpec, Provider } from '../../providers/provider.js';
import { googleSpec } from './google-launch.js';
import { type RecordedContext, recordedContext } from './provider-context.js';
import type { ProviderHarness } from './provider-contract.js';
import { googleProject, SimulatedGoogle } from '../../dev/testing/simulated-google.js';
import { workerOf } from './workers.js';

export const ZONE = 'us-central1-a';
const OTHER_ZONE = 'us-central1-b';

const { configuration: launchConfig } = googleSpec();
export const googlePool = { minCapacity: 0, maxCapacity: 10, launchConfigs: [launchConfig] };

export const newGoogleSpec = (changes: Partial<LaunchSpec> = {}): LaunchSpec =>
  googleSpec({ token: randomUUID(), count: 1, ...changes });

export async function googleAt(
  simulator: SimulatorHandle,
  changes: Partial<GoogleProviderConfig> = {},
  context: RecordedContext = recordedContext(),
): Promise<{ provider: Provider; launching: BulkLaunching; context: RecordedContext }> {
  const config = { ...(await googleProviderConfig(simulator)), draining: false, ...changes };
  const provider = googleProvider(config, context);
  return { provider, launching: provider.launching as BulkLaunching, context };
}

/** The Google provider with our simulator behind it. */
export async function googleHarness(simulator: SimulatorHandle): Promise<ProviderHarness> {
  const google = new SimulatedGoogle(simulator);
  const { provider, launching, context } = await googleAt(simulator);
  const operations = { create: 'instances.bulkInsert', read: 'instances.list', delete: 'instances.delete' };
  return {
    provider,
    context,
    pool: googlePool,
    spec: newGoogleSpec,
    makeForeign: async () => {
      const theirs = await googleAt(
        simulator,
        {},
        recordedContext({ deploymentId: 'c0ffee00-0000-4000-8000-00000000beef' }),
      );
      const { machines } = await theirs.launching.submit(theirs.launching.prepare(newGoogleSpec()));
      return machines[0]!;
    },
    unknownMachine: () => ({
      workerGroup: ZONE,
      workerId: '999999999999999999',
      location: { account: googleProject, region: 'us-central1', group: ZONE },
    }),
    limitCapacity: async (machines) => {
      const alive = (await simulator.machines()).filter(
        ({ region, state }) => region === ZONE && state !== 'terminated',
      );
      await simulator.setCapacity(ZONE, machines === null ? null : alive.length + machines);
    },
    loseAnswer: async () => void (await simulator.addFault({ operation: operations.create, mode: 'lose-answer' })),
    throttle: async (operation) => {
      await simulator.addFault({ operation: operations[operation], mode: 'refuse', code: 'rateLimitExceeded' });
    },
    refuseLocation: async () => {
      await google.setZone(OTHER_ZONE, 'refuse');
      const place = (group: string) => ({ account: googleProject, region: 'us-central1', group });
      return { open: place(ZONE), refused: place(OTHER_ZONE) };
    },
    proven: async () => {
      const { machines } = await launching.submit(launching.prepare(newGoogleSpec()));
      const worker = workerOf(machines[0]!);
      return { worker, proof: await google.identityToken(worker.workerId, { audience: context.rootUrl }) };
    },
    close: async () => void (await simulator.stop()),
  };
}
