import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import pg from 'pg';
import { jsonbText, launchConfigIdOf } from '../../../../api/pools/launch-config-id.js';
import type { LaunchConfiguration } from '../../../../domain/worker-pool.js';
import { createDatabase } from '../../../../dev/testing/postgres.js';
import { realPools, testRealData } from '../../../support/shared-data.js';

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

let database: pg.Client;
beforeAll(async () => {
  database = new pg.Client(await createDatabase());
  await database.connect();
});
afterAll(() => database.end());

const printed = async (values: unknown[]): Promise<string[]> => {
  const result = await database.query<{ text: string }>(
    'select (value::jsonb)::text as text from unnest($1::text[]) with ordinality as given(value, place) order by place',
    [values.map((value) => JSON.stringify(value))],
  );
  return result.rows.map((row) => row.text);
};

test('thousands of random values have the text that Postgres prints', async () => {
  const text = fc
    .oneof(fc.string({ unit: 'grapheme', maxLength: 12 }), fc.string({ unit: 'binary', maxLength: 8 }))
    .map((any) => any.replaceAll('\0', ''));
  const number = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.double({ min: -1e-5, max: 1e-5, noNaN: true }),
    fc.double({ min: -1e25, max: 1e25, noNaN: true }),
    fc.maxSafeInteger(),
  );
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'medium' },
      text,
      number,
      fc.constantFrom(true, false, null),
      fc.array(tie('tree'), { maxLength: 5 }),
      fc.dictionary(text, tie('tree'), { maxKeys: 8 }),
    ),
  }));
  const values = fc.sample(tree, { seed: 20_261_124, numRuns: 3000 });
  expect(values.map(jsonbText)).toEqual(await printed(values));
}, 60_000);

testRealData(
  'real launch configs get the id that Postgres computes by Taskcluster’s rule',
  async () => {
    const unnamed = realPools().flatMap(({ workerPoolId, config }) =>
      (config.launchConfigs ?? []).map((configuration) => ({
        workerPoolId,
        configuration: { ...configuration, workerManager: undefined } as LaunchConfiguration,
      })),
    );
    expect(unnamed.length).toBeGreaterThan(400);
    const texts = await printed(unnamed.map(({ configuration }) => configuration));
    const byPostgres = unnamed.map(({ workerPoolId }, index) => `lc-${md5(workerPoolId + texts[index]!).slice(0, 20)}`);
    expect(unnamed.map((each) => launchConfigIdOf(each.workerPoolId, each.configuration, md5))).toEqual(byPostgres);
  },
  60_000,
);
