import { REGIONS } from './config-file.js';
import { call, getJson } from './http.js';
import type { Running } from './state.js';

/** What the demonstration asks of the simulated cloud. */

interface Machine {
  readonly instanceId: string;
  readonly region: string;
  readonly state: string;
  readonly registered: boolean;
  readonly workerPoolId: string | null;
}

export async function listRunningMachines({ simulatorUrl }: Running): Promise<Machine[]> {
  const { machines } = await getJson<{ machines: Machine[] }>(`${simulatorUrl}/simulator/machines`);
  return machines.filter(({ state, registered }) => state === 'running' && registered);
}

interface Pool {
  readonly config: {
    readonly launchConfigs?: readonly (
      | { readonly region: string; readonly launchConfig: { readonly InstanceType?: string } }
      | { readonly location: string; readonly hardwareProfile: { readonly vmSize: string } }
      | { readonly zone: string; readonly machineType: string }
    )[];
  };
}

/** Nothing more is launched where a pool's launch configs are, or in a region. Gives these places in words. */
export async function limitCapacity({ apiUrl, simulatorUrl }: Running, where: string): Promise<string[]> {
  if (!where.includes('/') && !REGIONS.includes(where)) {
    throw new Error(`${where} is neither a pool nor one of the regions ${REGIONS.join(', ')}`);
  }
  const places: CapacityLocation[] = where.includes('/') ? await placesOfPool(apiUrl, where) : [{ region: where }];
  for (const place of places) await call('POST', `${simulatorUrl}/simulator/capacity`, { ...place, machines: 0 });
  return places.map(({ region, instanceType }) => (instanceType ? `${region} (${instanceType})` : region));
}

interface CapacityLocation {
  readonly region: string;
  readonly instanceType?: string | undefined;
}

async function placesOfPool(apiUrl: string, workerPoolId: string): Promise<CapacityLocation[]> {
  const url = `${apiUrl}/api/worker-manager/v1/worker-pool/${encodeURIComponent(workerPoolId)}`;
  const { config } = await getJson<Pool>(url);
  return (config.launchConfigs ?? []).map((launchConfig) => {
    if ('location' in launchConfig)
      return { region: launchConfig.location, instanceType: launchConfig.hardwareProfile.vmSize };
    if ('zone' in launchConfig)
      return { region: launchConfig.zone, instanceType: launchConfig.machineType.split('/').at(-1) };
    return { region: launchConfig.region, instanceType: launchConfig.launchConfig.InstanceType };
  });
}

/** Lifts every limit; gives the places that had one. */
export async function restoreCapacity({ simulatorUrl }: Running): Promise<string[]> {
  const { capacity } = await getJson<{ capacity: Record<string, number> }>(`${simulatorUrl}/simulator/state`);
  const places = Object.keys(capacity);
  for (const place of places) {
    const [region, instanceType] = place.split('/');
    await call('POST', `${simulatorUrl}/simulator/capacity`, { region, instanceType, machines: null });
  }
  return places;
}

export async function loseNextAnswer({ simulatorUrl }: Running): Promise<void> {
  await call('POST', `${simulatorUrl}/simulator/faults`, { operation: 'RunInstances', mode: 'lose-answer' });
}
