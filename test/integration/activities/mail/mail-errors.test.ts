import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { sweepActivities } from '../../../../activities/sweep.js';
import { taskclusterMail } from '../../../../activities/mail/send-mail.js';
import { insertError } from '../../../../database/errors.js';
import { HOUR_MS, MINUTE_MS } from '../../../../domain/durations.js';
import { startSimulator, type SimulatorHandle } from '../../../../dev/testing/simulator.js';
import { ActivityEnvironment, activityDeps } from '../../../support/activities.js';
import { engines, makePool, newPool, NOW } from '../../../support/database.js';
import { databaseFor } from '../../../support/database-suite.js';
import { recordedLog, type RecordedLog } from '../../../support/recorded-log.js';

const folder = mkdtempSync(join(tmpdir(), 'worker-manager-mail-'));
/** The clock of an activity goes on. */
const AN_HOUR_LATER = HOUR_MS + MINUTE_MS;
const credentials = { clientId: 'project/mailer', accessToken: 'access-token-of-the-mailer' };
let simulator: SimulatorHandle;
beforeAll(async () => {
  simulator = await startSimulator({ machines: 'off', log: join(folder, 'requests.jsonl') });
});
afterAll(async () => {
  await simulator.stop();
  rmSync(folder, { recursive: true });
});

describe.each(engines)('mail about errors on %s', (engine) => {
  const database = databaseFor(engine);
  let log: RecordedLog;
  let nowMs: number;
  let before: number;
  let mailErrors: () => Promise<number>;
  beforeEach(async () => {
    await simulator.reset();
    await simulator.setAuthClient(credentials.clientId, {
      ...{ accessToken: credentials.accessToken, scopes: ['notify:email:owner@example.com'] },
    });
    before = mails().length;
    log = recordedLog();
    nowMs = NOW;
    const mail = taskclusterMail({
      ...{ rootUrl: simulator.url, issuer: undefined },
      notify: { type: 'taskcluster', credentials },
    });
    const activities = sweepActivities(activityDeps({ database: { db: database.db }, log: log.log, mail }));
    // The activity's clock is the engine's.
    mailErrors = () =>
      new ActivityEnvironment({ currentAttemptScheduledTimestampMs: nowMs }).run(() => activities.mailErrors());
  });

  const mails = () => simulator.log().filter(({ kind, outcome }) => kind === 'notify' && outcome === 'ok');
  const subjects = () =>
    mails()
      .slice(before)
      .map(({ address, subject }) => [address, subject]);
  const lastContent = () => String(mails().at(-1)?.['content']);
  const pool = async (workerPoolId: string, change: object = {}) =>
    await makePool(database.db, newPool({ workerPoolId, emailOnError: true, owner: 'owner@example.com', ...change }));
  const report = (workerPoolId: string, title: string, workerId?: string) =>
    insertError(
      database.db,
      {
        ...{ workerPoolId, launchConfigId: null, kind: 'k', title, description: 'd' },
        extra: workerId === undefined ? {} : { workerGroup: 'g', workerId },
      },
      nowMs,
    );
  const SUBJECT = 'Taskcluster Worker Manager Error:';

  test('an error is mailed once to the owner of its pool, and equal ones of the next hour are not', async () => {
    await pool('proj/one');
    await report('proj/one', 'it failed');
    expect(await mailErrors()).toBe(1);
    expect(subjects()).toEqual([['owner@example.com', `${SUBJECT} it failed`]]);
    for (let minute = 1; minute < 60; minute += 20) {
      nowMs = NOW + minute * MINUTE_MS;
      await report('proj/one', 'it failed');
      expect(await mailErrors()).toBe(0);
    }
    nowMs = NOW + AN_HOUR_LATER;
    expect(await mailErrors()).toBe(1);
    expect(lastContent()).toContain('3 times since the last mail about it, at 2030-01-01T00:00:0');
    nowMs += AN_HOUR_LATER;
    expect(await mailErrors()).toBe(0);
  });

  test('an error of five hundred workers is one mail', async () => {
    await pool('proj/many');
    for (let n = 0; n < 500; n += 1) await report('proj/many', 'it failed', `w-${n}`);
    expect(await mailErrors()).toBe(1);
    expect(lastContent()).toContain('It has occurred 500 times');
    expect(await mailErrors()).toBe(0);
  });

  test('an error is mailed to no owner who does not want it, and of no deleted pool', async () => {
    await pool('proj/silent', { emailOnError: false });
    await pool('proj/deleted', { providerId: 'null-provider' });
    for (const workerPoolId of ['proj/silent', 'proj/deleted', 'proj/unknown']) await report(workerPoolId, 'it failed');
    expect(await mailErrors()).toBe(0);
  });

  test('errors beyond twenty of a pool come with the next mail', async () => {
    await pool('proj/one');
    for (let n = 0; n < 25; n += 1) await report('proj/one', `error ${n}`);
    expect(await mailErrors()).toBe(1);
    expect(lastContent()).toContain('5 more errors');
    expect(await mailErrors()).toBe(1);
    expect(await mailErrors()).toBe(0);
    expect(subjects().map(([, subject]) => String(subject).includes('and'))).toEqual([true, true]);
  });

  test('an owner who cannot be written to keeps no other from mail, and is tried again after an hour', async () => {
    await pool('proj/a', { owner: 'owner@elsewhere.com' });
    await pool('proj/b');
    for (const workerPoolId of ['proj/a', 'proj/b']) await report(workerPoolId, 'it failed');
    await expect(mailErrors()).rejects.toThrow('1 owners');
    expect(subjects()).toEqual([['owner@example.com', `${SUBJECT} it failed`]]);
    expect(await mailErrors()).toBe(0);
    nowMs += AN_HOUR_LATER;
    await expect(mailErrors()).rejects.toThrow('1 owners');
    expect(log.of('mail-not-sent')).toMatchObject([{ workerPoolId: 'proj/a' }]);
  });

  test('an error whose mail was not answered is mailed again after an hour, not before, and others wait no longer than the service', async () => {
    await pool('proj/a');
    await pool('proj/b');
    for (const workerPoolId of ['proj/a', 'proj/b']) await report(workerPoolId, 'it failed');
    await simulator.addFault({ operation: 'email', mode: 'refuse', code: 'InternalServerError', status: 500 });
    await expect(mailErrors()).rejects.toThrow('1 owners');
    expect(await mailErrors()).toBe(1);
    nowMs += AN_HOUR_LATER;
    expect(await mailErrors()).toBe(1);
    expect(subjects()).toHaveLength(2);
  });

  test('an error is stored as ever while the service is away', async () => {
    await pool('proj/a');
    await simulator.addFault({ operation: 'email', mode: 'lose-request', times: 100 });
    const { errorId } = await report('proj/a', 'it failed');
    await expect(mailErrors()).rejects.toThrow('1 owners');
    expect((await report('proj/a', 'it failed')).errorId).toBe(errorId);
  });
});

test('nobody gets mail where no service is configured', async () => {
  expect(taskclusterMail({ rootUrl: simulator.url, issuer: undefined, notify: undefined })).toBeNull();
});
