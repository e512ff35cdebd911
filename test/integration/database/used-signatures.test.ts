import { describe, expect, test } from '@jest/globals';
import { expireRows } from '../../../database/retention.js';
import { recordSignature } from '../../../database/used-signatures.js';
import { engines, NOW } from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';

const retention = { stoppedWorkersDays: 7, errorsDays: 7, decisionsDays: 30, evidenceDays: 8 };

describe.each(engines)('used signatures on %s', (engine) => {
  const database = databaseFor(engine);

  test('a signature is new for one of twenty that record it at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => recordSignature(database.db, 'one', NOW)));
    expect(answers.filter(Boolean)).toHaveLength(1);
    expect(await recordSignature(database.db, 'another', NOW)).toBe(true);
  });

  test('a signature is forgotten once no process takes it any more, and not before', async () => {
    await recordSignature(database.db, 'over', NOW - 1);
    await recordSignature(database.db, 'taken', NOW);
    await expireRows(database.db, retention, NOW);
    expect(await recordSignature(database.db, 'over', NOW)).toBe(true);
    expect(await recordSignature(database.db, 'taken', NOW)).toBe(false);
  });
});
