import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '#scripts/node.mjs';
import { readExamples } from '../start/examples.js';
import { azurePool, azureTemplatePool } from '../testing/azure-pool.js';
import { googlePool } from '../testing/google-pool.js';
import type { Draw } from './draw.js';

type Provider = 'aws' | 'azure' | 'google' | 'hand';

interface Definition {
  readonly workerPoolId: string;
  readonly config: { readonly launchConfigs?: readonly LaunchConfig[] };
}

interface LaunchConfig {
  readonly region?: string;
  readonly zone?: string;
  readonly location?: string;
  readonly capacityPerInstance?: number;
  readonly workerManager?: { readonly capacityPerInstance?: number };
}

/** A pool of the run: a real definition with a maximum and timeouts that suit a run of minutes. */
export interface ChaosPool {
  readonly id: string;
  readonly provider: Provider;
  /** Capacity; a few machines. */
  readonly maximum: number;
  readonly definition: (maximum: number) => object;
  /** Regions of AWS, locations of Azure, zones of Google. */
  readonly places: readonly string[];
}

export interface PoolsToDraw {
  readonly pools: number;
  readonly providers: readonly Provider[];
  /** Of each pool at its maximum. */
  readonly machines?: number;
}

export interface Pools {
  readonly pools: readonly ChaosPool[];
  /** Where they are from, in words. */
  readonly source: string;
}

/** Of a pool at its maximum. More are more lifecycles in the same time: a launch creates many at once. */
export const MACHINES_PER_POOL = 4;
/** Of each four pools: one of AWS, and so on; a static one among ten. */
const SHARES: readonly Provider[] = [
  'google',
  'azure',
  'aws',
  'google',
  'azure',
  'aws',
  'google',
  'azure',
  'aws',
  'hand',
];

/** Draws so many pools, of these providers, among the real ones of the shared folder. */
export function drawPools({ pools: count, providers, machines = MACHINES_PER_POOL }: PoolsToDraw, draw: Draw): Pools {
  const real = realDefinitions();
  const all = Map.groupBy(draw.shuffled(real ?? examples()), providerOf);
  const shares = SHARES.filter((provider) => providers.includes(provider));
  const pools: ChaosPool[] = [];
  const ids = new Set<string>();
  for (let nth = 0; pools.length < count && nth < count * 10; nth += 1) {
    const provider = shares[nth % shares.length]!;
    const next = all.get(provider)?.shift();
    if (!next) continue;
    const id = ids.has(next.workerPoolId) ? `${next.workerPoolId}-again` : next.workerPoolId;
    if (ids.has(id)) continue;
    ids.add(id);
    pools.push(poolOf(id, provider, machines, next));
  }
  const source = real ? 'real pools' : 'example pools, because the folder of real ones is missing (SHARED_DIR)';
  return { pools, source };
}

function poolOf(id: string, provider: Provider, machines: number, { config, ...pool }: Definition): ChaosPool {
  const launchConfigs = config.launchConfigs ?? [];
  const maximum = machines * Math.max(1, ...launchConfigs.map(capacityOf));
  // A machine that hangs is noticed when its credentials end.
  const lifecycle = { registrationTimeout: 60, reregistrationTimeout: 120 };
  const scaling = (most: number) => ({ minCapacity: 0, maxCapacity: most, scalingRatio: 1, lifecycle });
  return {
    id,
    provider,
    maximum,
    places: [...new Set(launchConfigs.flatMap(({ zone, region, location }) => zone ?? region ?? location ?? []))],
    definition: (most) => ({
      ...pool,
      workerPoolId: undefined,
      providerId: provider,
      emailOnError: false,
      config: provider === 'hand' ? { lifecycle: { reregistrationTimeout: 3_600 } } : { ...config, ...scaling(most) },
    }),
  };
}

const capacityOf = ({ capacityPerInstance, workerManager }: LaunchConfig): number =>
  workerManager?.capacityPerInstance ?? capacityPerInstance ?? 1;

/** The published pools, read where they are; null when that folder is not on this machine. */
function realDefinitions(): Definition[] | null {
  const folder = join(process.env['SHARED_DIR'] ?? join(projectRoot, '..', 'shared'), 'data');
  if (!existsSync(folder)) return null;
  const read = <T>(name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as T[];
  return [
    ...read<Definition>('community-tc-worker-pools.json'),
    ...read<{ workerPool: Definition }>('historical-worker-pools.json').map(({ workerPool }) => workerPool),
  ];
}

/** The project's own, and as many of the other clouds. */
function examples(): Definition[] {
  const numbers = Array.from({ length: 15 }, (_, nth) => nth + 1);
  const named = (workerPoolId: string, definition: object) => ({ workerPoolId, ...definition }) as Definition;
  return [
    ...(readExamples() as unknown as Definition[]),
    ...numbers.map((nth) => named(`chaos/google-${nth}`, googlePool({ zones: ['us-central1-a', 'us-east1-b'] }))),
    ...numbers.map((nth) => named(`chaos/azure-${nth}`, azurePool({ publicIp: true, deleteOption: 'Detach' }))),
    ...numbers.map((nth) => named(`chaos/template-${nth}`, azureTemplatePool('two-nics'))),
  ];
}

/** By the shape of its launch configs. */
function providerOf({ config }: Definition): Provider {
  const [first] = config.launchConfigs ?? [];
  if (!first) return 'hand';
  if ('launchConfig' in first) return 'aws';
  return 'armDeployment' in first || 'subnetId' in first || 'location' in first ? 'azure' : 'google';
}
