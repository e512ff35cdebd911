import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The folder of real, published data that tests read in place. */
const sharedDir = process.env.SHARED_DIR ?? join(process.cwd(), '..', 'shared');

export const sharedPath = (...names: string[]): string => join(sharedDir, 'data', ...names);
export const sharedText = (...names: string[]): string => readFileSync(sharedPath(...names), 'utf8');

export interface RealPool {
  readonly workerPoolId: string;
  readonly providerId: string;
  readonly owner: string;
  readonly config: { lifecycle?: object; launchConfigs?: Record<string, unknown>[] };
}

/** All real worker pools, of today and of the past. */
export const realPools = (): RealPool[] => [
  ...(JSON.parse(sharedText('community-tc-worker-pools.json')) as RealPool[]),
  ...(JSON.parse(sharedText('historical-worker-pools.json')) as { workerPool: RealPool }[]).map(
    ({ workerPool }) => workerPool,
  ),
];

export const isAwsPool = ({ config }: RealPool): boolean =>
  config.launchConfigs?.some((launchConfig) => 'launchConfig' in launchConfig) ?? false;
export const isStaticPool = ({ config }: RealPool): boolean => !('launchConfigs' in config);
