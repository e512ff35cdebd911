import { describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { endBackoff } from '../../../database/backoff-end.js';
import { poolRecords } from '../../../database/explain-records.js';
import { failLaunch } from '../../../database/launch-failures.js';
import { evidenceAt } from '../../../domain/explain/evidence-at.js';
import { engines, makePool, MINUTE, newIntent, poolId, refused, reserve } from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';

const about = { workerPoolId: poolId, launchConfigId: 'lc-a' };
const error = { ...about, kind: 'creation-error', title: 'No machines', description: 'no vCPU left', extra: {} };

describe.each(engines)('endBackoff on %s', (engine) => {
  const database = databaseFor(engine);

  test('endBackoff ends the backoff now, keeps its failures in a row, and leaves who wanted it', async () => {
    const { db } = database;
    await makePool(db);
    await reserve(db, [newIntent('t', 1)]);
    const begun = Date.now();
    const backoff = { failureClass: 'quota', durationMs: () => 10 * MINUTE, nowMs: begun } as const;
    await failLaunch(db, 't', { ...backoff, failure: 'no vCPU left', errors: [error], proof: refused });
    await sql`update spans set begins = begins - 1000`.execute(db);
    await sql`update pool_revisions set at = at - 60000`.execute(db);
    const nowMs = begun + 1;
    expect(await endBackoff(db, { ...about, clientId: 'ops', nowMs })).toBe(true);
    expect(await endBackoff(db, { ...about, clientId: 'ops', nowMs: nowMs + 1 })).toBe(false);

    expect(await db.selectFrom('launchBackoffs').select(['until', 'failures']).execute()).toEqual([
      { until: nowMs, failures: 1 },
    ]);
    const [span] = await db.selectFrom('spans').selectAll().where('kind', '=', 'backoff').execute();
    expect(span).toMatchObject({ endedBy: { by: 'released', clientId: 'ops' } });
    expect(span!.ends! - span!.begins).toBeLessThan(MINUTE);
    const during = span!.begins + 500;
    const [launchConfig] = evidenceAt(
      await poolRecords(db, poolId, { from: during, to: during }, 'corrected'),
      during,
    ).launchConfigs;
    expect(launchConfig?.backoff).toMatchObject({ until: span!.begins + 1_000 + 10 * MINUTE, end: span!.ends });
    expect(
      await db.selectFrom('audit').select(['clientId', 'action', 'detail']).orderBy('id', 'desc').execute(),
    ).toContainEqual({
      ...{ clientId: 'ops', action: 'backoff-ended' },
      detail: { launchConfigId: 'lc-a' },
    });
  });
});
