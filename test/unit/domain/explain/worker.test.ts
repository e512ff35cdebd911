import { expect, test } from '@jest/globals';
import { explainWorker, minimumOf } from '../../../../domain/explain/explain-worker.js';
import type { WorkerCause } from '../../../../domain/explain/explanation.js';
import type { WorkerEvidence } from '../../../../domain/explain/worker-evidence.js';
import { AT, clockOf, poll, poolEvidence, workerEvidence } from '../../../support/pool-evidence.js';

const source = null;
const life = (fields: Partial<NonNullable<WorkerEvidence['life']>>) => ({ ...workerEvidence().life!, ...fields });
const stopping = (begin: string, reason: string, who: string | null = null) => ({
  ...{ begin: clockOf(begin), end: null, reason, who, source },
});
const refusal = { at: clockOf('11:10:00'), who: null, reason: 'wrong account', source };
const deletion = (at: string, code: string | null) => ({ at: clockOf(at), code, requestId: 'req-9a', source });

const situations: readonly [string, WorkerCause, Partial<WorkerEvidence>, string][] = [
  [
    'boots',
    'booting',
    { life: life({ created: clockOf('12:01:00'), registeredAt: null }) },
    'i-0abc, requested at 12:01:00, had not registered; half register within 94 s.',
  ],
  ['runs', 'running', {}, 'i-0abc was running since 11:02:00.'],
  [
    'is advised to end',
    'running',
    { verdict: { terminate: true, reason: 'over capacity', decidedAt: clockOf('12:01:00') } },
    'i-0abc was running since 11:02:00, and was advised to end at 12:01:00: over capacity.',
  ],
  [
    'is kept for the minimum',
    'stuck-or-kept',
    { minimum: { minCapacity: 2, currentCapacity: 2 } },
    'i-0abc was running since 11:02:00: the minimum of 2 keeps it.',
  ],
  [
    'ended before it had registered',
    'never-registered',
    {
      life: life({
        registeredAt: null,
        stopping: stopping('11:30:00', 'not registered in time'),
        stoppedAt: clockOf('11:31:00'),
      }),
      refusals: [refusal, refusal],
    },
    'i-0abc was requested at 11:00:00 and ended at 11:30:00 without registering (not registered in time); ' +
      'its proof was refused 2 times ("wrong account").',
  ],
  [
    'was removed',
    'ended',
    {
      life: life({
        stopping: stopping('12:00:00', 'workerManager.removeWorker API call', 'ops'),
        stoppedAt: clockOf('12:01:10'),
      }),
    },
    'i-0abc ended at 12:00:00 (ops: workerManager.removeWorker API call); it was gone at 12:01:10.',
  ],
  [
    'was just removed',
    'ended',
    { life: life({ stopping: stopping('12:01:00', 'over capacity') }), deletions: [deletion('12:01:01', null)] },
    'i-0abc ended at 12:01:00 (over capacity); it was not yet seen gone.',
  ],
  [
    'does not go away',
    'stuck-or-kept',
    {
      life: life({ stopping: stopping('11:50:00', 'removed') }),
      deletions: [deletion('11:50:01', 'Throttled'), deletion('11:58:00', 'Throttled')],
    },
    'Stopping since 11:50:00, 2 deletions requested, last answer Throttled (11:58:00, request req-9a).',
  ],
  [
    'is unknown',
    'no-such-worker',
    { life: null },
    'No worker proj/linux/us-east-1a/i-0abc is recorded at that instant.',
  ],
  [
    'is older than the records',
    'no-record',
    { recordedSince: clockOf('12:30:00') },
    'Nothing is recorded of that instant: records begin at 12:30:00.',
  ],
];

test.each(situations)('an explanation of a worker that %s names %s', (_case, cause, fields, sentence) => {
  expect(explainWorker(workerEvidence(fields), AT)).toMatchObject({ cause, sentence });
});

test('an explanation of a worker tells what it was before each of its changes', () => {
  const evidence = workerEvidence({
    life: life({ stopping: stopping('12:00:00', 'removed'), stoppedAt: clockOf('12:01:00') }),
  });
  const causeAt = (time: string) => explainWorker(evidence, clockOf(time)).cause;
  expect(causeAt('10:59:59')).toBe('no-such-worker');
  expect(causeAt('11:01:59')).toBe('booting');
  expect(causeAt('11:02:00')).toBe('running');
  expect(causeAt('12:00:00')).toBe('ended');
});

test('a minimum keeps idle machines only where tasks need fewer', () => {
  const pool = { ...poolEvidence().pool!, minCapacity: 3 };
  const counts = (pendingTasks: number, claimedTasks: number) => poll({ counts: { pendingTasks, claimedTasks } });
  expect(minimumOf(poolEvidence({ pool, poll: counts(1, 1) }))).toEqual({ minCapacity: 3, currentCapacity: 0 });
  expect(minimumOf(poolEvidence({ pool, poll: counts(1, 2) }))).toBeNull();
  expect(minimumOf(poolEvidence({ pool, poll: poll({ counts: null }) }))).toBeNull();
  expect(minimumOf(poolEvidence({ pool: null }))).toBeNull();
});
