import { describe, expect, test } from '@jest/globals';
import { readExamples } from '../../../../dev/start/examples.js';
import { REGIONS } from '../../../../dev/start/config-file.js';
import { awsPoolSchema } from '../../../../providers/aws/pool-schema.js';
import { checkDefinition } from '../../../../providers/google/check-definition.js';
import { googlePoolSchema } from '../../../../providers/google/pool-schema.js';
import { azurePoolSchema } from '../../../../providers/azure/pool-schema.js';
import { poolValidator } from '../../../../providers/shared/pool-schema.js';
import { usualZones } from '../../../../simulator/google/places.js';
import { staticPoolSchema } from '../../../../providers/static/pool-schema.js';

const pools = readExamples();
const google = poolValidator(googlePoolSchema);
const validators = {
  aws: poolValidator(awsPoolSchema),
  azure: poolValidator(azurePoolSchema),
  google: (config: unknown) => checkDefinition(google(config), undefined, () => null as never),
  hand: poolValidator(staticPoolSchema),
};
const of = (id: string) => pools.filter(({ providerId }) => providerId === id);
const capacityOf = (id: string) => of(id).reduce((sum, { config }) => sum + (config.maxCapacity ?? 0), 0);

describe('the example pools', () => {
  test.each(pools)(
    'the example pool $workerPoolId is valid, and those of AWS use regions that the simulator has',
    ({ providerId, config }) => {
      const checked = validators[providerId as keyof typeof validators](config);
      if (!checked.ok) throw new Error(checked.reason);
      if (providerId !== 'aws') return;
      for (const { region } of checked.launchConfigs) expect(REGIONS).toContain(region);
    },
  );

  test('the example pools are four of AWS for about 60 tasks at once, one each of Azure, Google and static workers', () => {
    expect([of('aws').length, of('azure').length, of('google').length, of('hand').length]).toEqual([4, 1, 1, 1]);
    expect([capacityOf('aws'), capacityOf('azure'), capacityOf('google')]).toEqual([60, 6, 12]);
  });

  test('the example pool of Google spreads its machines over three zones that the simulator has', () => {
    const { launchConfigs } = of('google')[0]!.config as unknown as { launchConfigs: { zone: string }[] };
    const zones = launchConfigs.map(({ zone }) => zone);
    expect(zones).toEqual(['us-central1-a', 'us-central1-b', 'us-central1-c']);
    expect(usualZones).toEqual(expect.arrayContaining(zones));
  });
});
