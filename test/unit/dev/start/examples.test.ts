import { describe, expect, test } from '@jest/globals';
import { readExamples } from '../../../../dev/start/examples.js';
import { REGIONS } from '../../../../dev/start/config-file.js';
import { awsPoolSchema } from '../../../../providers/aws/pool-schema.js';
import { azurePoolSchema } from '../../../../providers/azure/pool-schema.js';
import { poolValidator } from '../../../../providers/shared/pool-schema.js';
import { staticPoolSchema } from '../../../../providers/static/pool-schema.js';

const pools = readExamples();
const validators = {
  aws: poolValidator(awsPoolSchema),
  azure: poolValidator(azurePoolSchema),
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

  test('the example pools are four of AWS for about 60 tasks at once, one of Azure, and one of static workers', () => {
    expect([of('aws').length, of('azure').length, of('hand').length]).toEqual([4, 1, 1]);
    expect([capacityOf('aws'), capacityOf('azure')]).toEqual([60, 6]);
  });
});
