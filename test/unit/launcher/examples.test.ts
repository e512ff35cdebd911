import { describe, expect, test } from '@jest/globals';
import { readExamples } from '../../../launcher/examples.js';
import { REGIONS } from '../../../launcher/config-file.js';
import { awsPoolSchema } from '../../../providers/aws/pool-schema.js';
import { poolValidator } from '../../../providers/pool-schema.js';
import { staticPoolSchema } from '../../../providers/static/pool-schema.js';

const pools = readExamples();
const validators = { aws: poolValidator(awsPoolSchema), hand: poolValidator(staticPoolSchema) };

describe('the example pools', () => {
  test.each(pools)('$workerPoolId is valid and uses regions that the simulator has', ({ providerId, config }) => {
    const checked = validators[providerId as 'aws' | 'hand'](config);
    if (!checked.ok) throw new Error(checked.reason);
    for (const { region } of checked.launchConfigs) expect(REGIONS).toContain(region);
  });

  test('are four of AWS, for about 60 tasks at once, and one of machines that somebody set up', () => {
    expect(pools.filter(({ providerId }) => providerId === 'aws')).toHaveLength(4);
    expect(pools.filter(({ providerId }) => providerId === 'hand')).toHaveLength(1);
    expect(pools.reduce((sum, { config }) => sum + (config.maxCapacity ?? 0), 0)).toBe(60);
  });
});
