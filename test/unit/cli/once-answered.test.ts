import { describe, expect, test } from '@jest/globals';
import { ServiceError } from '@temporalio/client';
import { isOutage } from '../../../cli/outage.js';
import { onceAnswered } from '../../../cli/connect.js';

/** As the SDK's Schedule client throws it. */
const unanswered = () => {
  const cause = Object.assign(new Error('4 DEADLINE_EXCEEDED: context deadline exceeded'), {
    code: 4,
    details: 'context deadline exceeded',
    metadata: {},
  });
  return new ServiceError('Failed to describe schedule', { cause });
};

/** Fails so often, then answers. */
const answeringAfter = (failures: number, failure: () => Error = unanswered) => {
  const work = {
    calls: 0,
    call: () => (++work.calls > failures ? Promise.resolve('there') : Promise.reject(failure())),
  };
  return work;
};

describe('onceAnswered', () => {
  test('a call that Temporal does not answer counts as an outage, also when the SDK wraps the error', () => {
    expect(isOutage(unanswered())).toBe(true);
  });

  test('a call that Temporal does not answer is repeated', async () => {
    const work = answeringAfter(3);
    expect(await onceAnswered(work.call)).toBe('there');
    expect(work.calls).toBe(4);
  });

  test('a call that Temporal never answers is given up in the end', async () => {
    await expect(onceAnswered(answeringAfter(4).call)).rejects.toThrow('Failed to describe schedule');
  });

  test('an error of ours is told apart from an outage and is not repeated', async () => {
    const work = answeringAfter(1, () => new TypeError('ours'));
    await expect(onceAnswered(work.call)).rejects.toThrow('ours');
    expect(work.calls).toBe(1);
  });
});
