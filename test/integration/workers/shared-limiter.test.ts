import { expect, test } from '@jest/globals';
import { parseConfig } from '../../../config/load.js';
import { sharedLimiter } from '../../../workers/provider-context.js';
import { recordsFor } from '../../support/records-suite.js';

const records = recordsFor('PGlite');

const aws = (accessKeyId: string) => ({
  providerType: 'aws',
  credentials: { accessKeyId, secretAccessKey: 'a secret' },
});
const limit = { burst: 1, perSecond: 0.001 };

test('two providers of one account share its limit; another account, region or class has its own', async () => {
  const { providers } = parseConfig(
    JSON.stringify({ providers: { first: aws('KEY-1'), second: aws('KEY-1'), other: aws('KEY-2') } }),
    'config.json',
  );
  const limiter = sharedLimiter(records.db, providers);
  const take = (providerId: string, region = 'us-east-1', callClass: 'create' | 'delete' = 'create') =>
    limiter.take({ providerId, operation: 'RunInstances', callClass, region }, limit);
  await take('first');
  await expect(take('second')).rejects.toMatchObject({
    code: 'Throttled',
    message: 'RunInstances: our own limit for second/us-east-1/create is used up',
  });
  await take('other');
  await take('second', 'us-west-2');
  await take('second', 'us-east-1', 'delete');
  const rows = await records.db.selectFrom('rateLimits').select('bucket').execute();
  expect(rows).toHaveLength(4);
  expect(JSON.stringify(rows)).not.toContain('KEY-');
});
