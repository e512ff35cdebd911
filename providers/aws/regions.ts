import { DescribeRegionsCommand } from '@aws-sdk/client-ec2';
import { ProviderError } from '../errors.js';
import type { Ec2Calls } from './calls.js';

/** Where the account is asked which regions it has, when the configuration names none. */
const HOME_REGION = 'us-east-1';

/** What is wrong with some of the regions, in words. Throws when none answers, or the account has none of them. */
export async function checkRegions(calls: Ec2Calls, wanted: readonly string[] | null): Promise<readonly string[]> {
  const { enabled, remarks } = await enabledRegions(calls, wanted ?? [HOME_REGION]);
  const missing = wanted?.filter((region) => !enabled.has(region)) ?? [];
  if (missing.length === 0) return remarks;
  const message = `the account has no region ${missing.join(', ')}`;
  if (missing.length === wanted?.length) throw new ProviderError({ code: 'InvalidRequest', message });
  return [...remarks, message];
}

/** Any region can tell which ones the account has: they are asked in turn until one answers. */
async function enabledRegions(calls: Ec2Calls, regions: readonly string[]) {
  const remarks: string[] = [];
  for (const [index, region] of regions.entries()) {
    try {
      const answer = await calls.call(region, 'read', 'DescribeRegions', (client) =>
        client.send(new DescribeRegionsCommand({})),
      );
      return { enabled: new Set(answer.Regions?.map(({ RegionName }) => RegionName)), remarks };
    } catch (error) {
      if (!(error instanceof ProviderError) || index === regions.length - 1) throw error;
      remarks.push(`${region} gave no answer (${error.message})`);
    }
  }
  return { enabled: new Set<string | undefined>(), remarks };
}

/** All that the account has. */
export async function accountRegions(calls: Ec2Calls): Promise<string[]> {
  const { enabled } = await enabledRegions(calls, [HOME_REGION]);
  return [...enabled].filter((region) => region !== undefined);
}
