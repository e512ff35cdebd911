import { awsPool } from '../../testing/api-client.js';
import { azurePool } from '../../testing/azure-pool.js';
import { googlePool } from '../../testing/google-pool.js';
import { SimulatedGoogle } from '../../testing/simulated-google.js';
import type { FaultRequest, SimulatorHandle } from '../../testing/simulator.js';
import { EXAMPLE_REGIONS } from '../deployment.js';
import type { DefinePool } from './stage.js';

/** How each cloud's lists become incomplete, for scans and for sweeps. */

export type CloudOfLists = 'aws' | 'azure' | 'google';

interface IncompleteList {
  readonly here: DefinePool;
  /** The place that is missing, where the cloud lists by place. */
  readonly there: DefinePool;
  /** Gives what ends it. */
  readonly hide: (simulator: SimulatorHandle) => Promise<() => Promise<unknown>>;
}

const [HERE, THERE] = EXAMPLE_REGIONS;
const [ZONE, FAR_ZONE] = ['us-central1-a', 'us-east1-b'] as const;

export const incompleteLists: Readonly<Record<CloudOfLists, IncompleteList>> = {
  /** One region is not listed. */
  aws: {
    here: (capacity) => awsPool({ ...capacity, regions: [HERE] }),
    there: (capacity) => awsPool({ ...capacity, regions: [THERE] }),
    hide: (simulator) =>
      refuse(simulator, [{ operation: 'DescribeInstances', region: THERE, code: 'Unavailable', status: 503 }]),
  },
  /** A sweep reads its resources, and not the records of its deployments; a scan reads nothing. */
  azure: {
    here: azurePool,
    there: (capacity) => azurePool({ ...capacity, location: 'eastus' }),
    hide: (simulator) =>
      refuse(
        simulator,
        ['LIST deployments', 'LIST virtualMachines'].map((operation) => ({
          operation,
          code: 'InternalServerError',
          status: 500,
        })),
      ),
  },
  /** The list over all zones says that it does not reach one. */
  google: {
    here: (capacity) => googlePool({ ...capacity, zones: [ZONE] }),
    there: (capacity) => googlePool({ ...capacity, zones: [FAR_ZONE] }),
    hide: async (simulator) => {
      const google = new SimulatedGoogle(simulator);
      await google.setZone(FAR_ZONE, 'warning');
      return () => google.setZone(FAR_ZONE, null);
    },
  },
};

async function refuse(
  simulator: SimulatorHandle,
  refusals: readonly Pick<FaultRequest, 'operation' | 'region' | 'code' | 'status'>[],
): Promise<() => Promise<unknown>> {
  const faults = await Promise.all(
    refusals.map((refusal) => simulator.addFault({ ...refusal, mode: 'refuse', times: 100_000 })),
  );
  return () => Promise.all(faults.map(({ id }) => simulator.releaseFault(id)));
}
