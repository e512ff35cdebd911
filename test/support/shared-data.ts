import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from '@jest/globals';

/** The folder of real, published data that tests read in place. It is no part of the repository. */
const dataDir = join(process.env.SHARED_DIR ?? join(process.cwd(), '..', 'shared'), 'data');

/** Who names the folder means it: then missing data fails. Who has none beside the clone does without these tests. */
const isExpected = process.env.SHARED_DIR !== undefined || existsSync(dataDir);

/**
 * For tests that read real data: in their bodies and hooks only, because `describe` bodies run even when they are
 * skipped.
 */
export const describeRealData = isExpected ? describe : describe.skip;
export const testRealData = isExpected ? test : test.skip;

export const sharedPath = (...names: string[]): string => join(dataDir, ...names);
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
export const isAzurePool = ({ config }: RealPool): boolean =>
  config.launchConfigs?.some((launchConfig) => 'armDeployment' in launchConfig || 'subnetId' in launchConfig) ?? false;
export const isGooglePool = ({ config }: RealPool): boolean =>
  config.launchConfigs?.some((launchConfig) => 'zone' in launchConfig && 'machineType' in launchConfig) ?? false;
