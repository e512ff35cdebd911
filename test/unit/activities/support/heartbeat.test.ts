import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import { DescribeInstancesCommand, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { withHeartbeat } from '../../../../activities/support/heartbeat.js';
import { inParallel } from '../../../../activities/support/in-parallel.js';
import { parseConfig } from '../../../../config/load.js';
import { providerTypes } from '../../../../providers/configured.js';
import type { AwsProviderConfig } from '../../../../providers/aws/config.js';
import { Ec2Calls } from '../../../../providers/aws/calls.js';
import { Batcher } from '../../../../providers/shared/batcher.js';
import { callSignal } from '../../../../providers/shared/call-scope.js';
import type { Limiter } from '../../../../providers/rate-limit.js';
import { activityEnvironment, asActivity } from '../../../support/activities.js';
import { eventually } from '../../../../dev/testing/eventually.js';
import { recordedContext } from '../../../support/provider-context.js';
import { answer, scriptedEc2, type ScriptedEc2 } from '../../../support/scripted-ec2.js';

let ec2: ScriptedEc2;
/** What EC2 waits for before it answers. */
let answers: Promise<void>;
beforeEach(async () => {
  answers = Promise.resolve();
  ec2 = await scriptedEc2(
    (parameters) => answer(parameters.get('Action') ?? ''),
    () => answers,
  );
});
afterEach(() => ec2.close());

const unlimited: Limiter = { acquire: async () => {}, reportQuota: async () => {} };
const callsWith = (limiter: Limiter = unlimited) => {
  const config = parseConfig(
    `providers: { cloud: { providerType: aws, endpoint: "${ec2.endpoint}" } }`,
    'a test',
    providerTypes,
  );
  return new Ec2Calls(
    { ...(config.providers['cloud'] as AwsProviderConfig), credentials: { accessKeyId: 'a', secretAccessKey: 'b' } },
    recordedContext({ limiter }),
  );
};
const terminate = (calls = callsWith()) =>
  calls.call('us-west-2', 'delete', 'TerminateInstances', (client) =>
    client.send(new TerminateInstancesCommand({ InstanceIds: ['i-1'] })),
  );
const describeAll = (calls = callsWith()) =>
  calls.call('us-west-2', 'read', 'DescribeInstances', (client) => client.send(new DescribeInstancesCommand({})));
const sent = () => ec2.requests.map((parameters) => parameters.get('Action'));
const givenUp = expect.objectContaining({ code: 'GivenUp' });
/** Stops this process's only thread, as a pause of the process does. */
const pause = (ms: number) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

describe('an activity with a heartbeat', () => {
  test('an activity sends its first heartbeat at once', async () => {
    const environment = activityEnvironment();
    let beats = 0;
    environment.on('heartbeat', () => (beats += 1));
    await asActivity(() => withHeartbeat(async () => {}), environment);
    expect(beats).toBe(1);
  });

  test('a cancelled activity ends a read at once', async () => {
    const environment = activityEnvironment();
    answers = new Promise(() => {});
    const reading = asActivity(() => withHeartbeat(() => describeAll()), environment);
    await eventually(() => sent().length === 1);
    const cancelledAt = performance.now();
    environment.cancel();
    await expect(reading).rejects.toMatchObject({ name: 'CancelledFailure' });
    // Not by the read's own time limit.
    expect(performance.now() - cancelledAt).toBeLessThan(10_000);
  });

  test('a cancelled activity ends the wait for a rate limit at once, and does not send the call', async () => {
    const environment = activityEnvironment();
    const waits = Promise.withResolvers<void>();
    const limiter: Limiter = { ...unlimited, acquire: () => waits.promise };
    const calling = asActivity(() => withHeartbeat(() => terminate(callsWith(limiter))), environment);
    environment.cancel();
    await expect(calling).rejects.toMatchObject({ name: 'CancelledFailure' });
    waits.resolve();
    await setImmediate();
    expect(sent()).toEqual([]);
  });

  test('a cancelled activity awaits the answer of a changing call that it has sent', async () => {
    const environment = activityEnvironment();
    const allowed = Promise.withResolvers<void>();
    answers = allowed.promise;
    let answered = false;
    const calling = asActivity(() => withHeartbeat(() => terminate().then(() => (answered = true))), environment);
    await eventually(() => sent().length === 1);
    environment.cancel();
    await setImmediate();
    expect(answered).toBe(false);
    allowed.resolve();
    await eventually(() => answered);
    await calling;
  });

  test('a cancelled activity does not send a changing call', async () => {
    const environment = activityEnvironment();
    environment.cancel();
    const calling = asActivity(() => withHeartbeat(() => terminate()), environment);
    await expect(calling).rejects.toMatchObject({ name: 'CancelledFailure' });
    expect(sent()).toEqual([]);
  });

  test('an activity sends no changing call after its process was paused for most of the heartbeat timeout', async () => {
    const environment = activityEnvironment({ heartbeatTimeoutMs: 500 });
    const limiter: Limiter = { ...unlimited, acquire: async () => pause(400) };
    const calling = asActivity(() => withHeartbeat(() => terminate(callsWith(limiter))), environment);
    await expect(calling).rejects.toEqual(givenUp);
    expect(sent()).toEqual([]);
  });

  test('an activity without a heartbeat timeout sends a changing call however long it has waited', async () => {
    // As Temporal's server describes such an activity.
    const environment = activityEnvironment({ heartbeatTimeoutMs: 0 });
    const limiter: Limiter = { ...unlimited, acquire: async () => pause(20) };
    await asActivity(() => withHeartbeat(() => terminate(callsWith(limiter))), environment);
    expect(sent()).toHaveLength(1);
  });

  test('an activity sends no changing call after its own deadline, although its process was paused', async () => {
    const environment = activityEnvironment({ startToCloseTimeoutMs: 50 });
    const limiter: Limiter = { ...unlimited, acquire: async () => pause(60) };
    const calling = asActivity(() => withHeartbeat(() => terminate(callsWith(limiter))), environment);
    await expect(calling).rejects.toEqual(givenUp);
    expect(sent()).toEqual([]);
  });

  test('an activity ends a read at its deadline', async () => {
    answers = new Promise(() => {});
    const environment = activityEnvironment({ startToCloseTimeoutMs: 50 });
    await expect(asActivity(() => withHeartbeat(() => describeAll()), environment)).rejects.toEqual(givenUp);
  });

  test('an activity counts the deadline of a retry from the first attempt', async () => {
    answers = new Promise(() => {});
    const environment = activityEnvironment({
      scheduleToCloseTimeoutMs: 10_000,
      scheduledTimestampMs: 1,
      currentAttemptScheduledTimestampMs: 9_951,
    });
    await expect(asActivity(() => withHeartbeat(() => describeAll()), environment)).rejects.toEqual(givenUp);
  });

  test('a cancelled activity leaves a shared call to those who still wait for it', async () => {
    const allowed = Promise.withResolvers<void>();
    let signalOfRun: AbortSignal | null | undefined;
    const batcher = new Batcher(
      async () => {
        signalOfRun = callSignal();
        await allowed.promise;
        return new Map();
      },
      { idleMs: 1, maxWaitMs: 1, maxItems: 2, pauseMs: 0, maxPauseMs: 0 },
    );
    const environment = activityEnvironment();
    const leaving = asActivity(() => withHeartbeat(() => batcher.add('k', 'i-1')), environment);
    const staying = asActivity(() => withHeartbeat(() => batcher.add('k', 'i-2')));
    await eventually(() => signalOfRun !== undefined);
    environment.cancel();
    await expect(leaving).rejects.toMatchObject({ name: 'CancelledFailure' });
    expect(signalOfRun).toBeNull();
    allowed.resolve();
    await staying;
  });

  test('inParallel begins no further item after the activity was cancelled', async () => {
    const environment = activityEnvironment();
    const begun: number[] = [];
    const working = asActivity(
      () =>
        withHeartbeat(() =>
          inParallel([1, 2, 3, 4], 2, async (item) => {
            begun.push(item);
            environment.cancel();
          }),
        ),
      environment,
    );
    await expect(working).rejects.toMatchObject({ name: 'CancelledFailure' });
    expect(begun).toEqual([1]);
  });
});
