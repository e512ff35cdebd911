import { expect, test } from '@jest/globals';
import { noCapacity } from '../../../../domain/estimator.js';
import { explainPool } from '../../../../domain/explain/explain.js';
import type { PoolEvidence } from '../../../../domain/explain/evidence.js';
import type { PoolCause } from '../../../../domain/explain/explanation.js';
import {
  AT,
  backoff,
  booting,
  clockOf,
  launchConfig,
  openLaunch,
  poll,
  poolEvidence,
} from '../../../support/pool-evidence.js';

const source = null;
const running = (capacity: number) => ({ ...noCapacity, runningCapacity: capacity, currentCapacity: capacity });
const requested = (capacity: number) => ({ ...noCapacity, requestedCapacity: capacity, currentCapacity: capacity });
const maximumOf = (maxCapacity: number) => ({ ...poolEvidence().pool!, maxCapacity });
const blockedFrom = (begin: string, reason: string, isForGood = false) => ({
  ...{ begin: clockOf(begin), end: null, reason, isForGood, source },
});
const waiting = (pendingTasks: number, claimedTasks = 0) => poll({ counts: { pendingTasks, claimedTasks } });

/** Each situation, what is recorded of it, and the sentence that it gets. */
const situations: readonly [PoolCause, Partial<PoolEvidence>, string][] = [
  [
    'nothing-wanted',
    { poll: waiting(3, 2), capacity: running(6) },
    '3 tasks waited and idle machines were there to take 4.',
  ],
  [
    'still-booting',
    { poll: waiting(5), capacity: requested(5), booting: [booting()] },
    '5 machines requested at 12:00:10 had not registered; half register within 94 s.',
  ],
  [
    'launching',
    { poll: waiting(5), capacity: requested(5), openLaunches: [openLaunch()] },
    '5 machines were being launched from 11:59:50 on.',
  ],
  [
    'at-maximum',
    { poll: waiting(41, 10), capacity: running(10), pool: maximumOf(10) },
    '10 of at most 10 existed; 41 more were wanted.',
  ],
  [
    'room-taken-by-stopping',
    {
      poll: waiting(41, 2),
      capacity: { ...running(2), stoppingCapacity: 8 },
      pool: maximumOf(10),
    },
    'Stopping machines held 8 of the maximum of 10; 41 more were wanted.',
  ],
  [
    'held',
    {
      holds: [{ begin: clockOf('12:01:00'), end: null, ofAllPools: false, who: 'ops', reason: 'bad image', source }],
    },
    'ops held the pool at 12:01:00 ("bad image"); 41 more were wanted.',
  ],
  [
    'schedule-paused',
    { schedulePause: { begin: clockOf('11:58:00'), end: null, seenAt: clockOf('12:00:00'), source } },
    'Its Schedule was paused in Temporal from 11:58:00 on (seen at 12:00:00); 41 more were wanted.',
  ],
  [
    'demand-unreadable',
    { poll: poll({ counts: null, failure: 'HTTP 403', since: clockOf('11:59:00') }) },
    'The queue did not answer from 11:59:00 on ("HTTP 403"); nothing is launched for tasks that nobody can count.',
  ],
  [
    'provider-down',
    { providerBlock: blockedFrom('11:50:00', 'it failed: no credentials') },
    'Provider aws launched nothing from 11:50:00 on: it failed: no credentials; 41 more were wanted.',
  ],
  [
    'backed-off-no-capacity',
    { launchConfigs: ['lc-a', 'lc-b', 'lc-c'].map((id) => launchConfig(id, { backoff: backoff() })) },
    '3 of 3 launch configs were backed off, lc-a after InsufficientInstanceCapacity, request req-1f; next try 12:03:10; 41 more were wanted.',
  ],
  [
    'quota',
    {
      launchConfigs: [
        launchConfig('lc-a', {
          where: 'us-east-1',
          backoff: backoff({ failureClass: 'quota', code: 'VcpuLimitExceeded' }),
        }),
      ],
    },
    "The account's quota in us-east-1 was used up for lc-a (VcpuLimitExceeded, request req-1f); next try 12:03:10; 41 more were wanted.",
  ],
  [
    'bad-definition-or-permission',
    {
      launchConfigs: [
        launchConfig('lc-a', { backoff: backoff({ failureClass: 'invalid', code: 'InvalidAMIID', requestIds: [] }) }),
      ],
    },
    'The cloud refused revision 3 of lc-a (InvalidAMIID); somebody must change it; next try 12:03:10; 41 more were wanted.',
  ],
  [
    'no-eligible-config',
    {
      poll: waiting(41, 98),
      capacity: running(98),
      launchConfigs: [
        launchConfig('lc-a', { initialWeight: 0 }),
        launchConfig('lc-b', { maxCapacity: 20, usedCapacity: 20 }),
        launchConfig('lc-c', { capacityPerInstance: 4 }),
      ],
    },
    'lc-a has weight 0, lc-b is at its own maximum (20), lc-c does not fit into the room of 2; 41 more were wanted.',
  ],
  [
    'launch-in-doubt',
    {
      poll: waiting(5),
      capacity: requested(5),
      openLaunches: [openLaunch({ inDoubtSince: clockOf('11:59:58') })],
    },
    'The answer to launch run.0.0.ab (5 machines, 11:59:58) is lost; it counts until the repeat answers.',
  ],
  [
    'deployment-limit',
    {
      decision: {
        ...{ at: clockOf('12:01:20'), failure: null, requestedMachines: 0, source },
        limit: { name: 'machines', used: 5000, max: 5000, until: clockOf('12:02:20') },
      },
    },
    'limits.machines: 5000 of 5000 in the whole deployment; 41 more were wanted.',
  ],
  [
    'cloud-call-limit',
    {
      poll: waiting(5),
      capacity: requested(5),
      openLaunches: [openLaunch({ waitsForCalls: { bucket: 'aws/us-east-1/create', until: clockOf('12:02:04') } })],
    },
    'The launch of 5 machines waited for its place among calls to aws/us-east-1/create until 12:02:04.',
  ],
  [
    'not-evaluated',
    {
      poll: poll({ at: clockOf('11:52:00'), dueAt: clockOf('11:52:10') }),
      nextPoll: poll({ at: clockOf('12:06:00') }),
    },
    'No poll from 11:52:00 to 12:06:00: no process was running, or none reached the database.',
  ],
  [
    'no-such-pool',
    { pool: null, deletion: { at: Date.parse('2026-11-03T08:00:00Z'), who: 'ops', source } },
    'No pool serves the queue proj/linux, deleted by ops at 2026-11-03 08:00:00.',
  ],
  [
    'idle-not-claiming',
    { poll: waiting(3, 2), capacity: running(6), unclaimedSince: clockOf('11:40:00') },
    '3 tasks waited, and idle machines for 4 had not claimed any since 11:40:00.',
  ],
  [
    'room-taken-by-quarantined',
    {
      poll: waiting(41, 2),
      capacity: { ...running(2), quarantinedCapacity: 8 },
      pool: maximumOf(10),
    },
    'Quarantined machines held 8 of the maximum of 10; 41 more were wanted.',
  ],
  [
    'replacement-under-way',
    {
      poll: waiting(41, 9),
      capacity: { ...running(9), stoppingCapacity: 1, currentCapacity: 0 },
      archived: { runningCapacity: 9, stoppingCapacity: 1 },
      pool: maximumOf(10),
    },
    '9 of archived launch configs ran and 1 stopped; they make room under the maximum of 10 as they end; 41 more were wanted.',
  ],
  [
    'no-record',
    { recordedSince: clockOf('12:30:00') },
    'Nothing is recorded of that instant: records begin at 12:30:00.',
  ],
];

test.each(situations)('an explanation names %s, in a sentence with its numbers', (cause, fields, sentence) => {
  const explained = explainPool(poolEvidence(fields), AT);
  expect(explained).toMatchObject({ cause, sentence });
});

test('an explanation tells every cause of a pool from every other', () => {
  const found = situations.map(([, fields]) => explainPool(poolEvidence(fields), AT).cause);
  expect(new Set(found).size).toBe(situations.length);
});

test('an explanation reads the same a week later', () => {
  for (const [, fields] of situations) {
    const evidence = poolEvidence(fields);
    expect(explainPool(structuredClone(evidence), AT)).toEqual(explainPool(evidence, AT));
  }
});

test('an explanation says that nothing is wanted of machines that somebody sets up, until too few of them are there', () => {
  const providerBlock = blockedFrom('11:50:00', 'it launches nothing by itself', true);
  const of = (pendingTasks: number) =>
    explainPool(poolEvidence({ providerBlock, poll: waiting(pendingTasks, 1), capacity: running(3) }), AT);
  expect(of(0)).toMatchObject({
    cause: 'nothing-wanted',
    sentence: '0 tasks waited, and 3 existed where the minimum is 0.',
    also: [],
  });
  expect(of(2).cause).toBe('nothing-wanted');
  expect(of(3)).toMatchObject({
    cause: 'provider-down',
    sentence: 'Provider aws launched nothing from 11:50:00 on: it launches nothing by itself; 1 more was wanted.',
  });
  // One that has failed is to be mended also while nothing waits.
  const failed = { providerBlock: blockedFrom('11:50:00', 'it failed: no credentials'), poll: waiting(0) };
  expect(explainPool(poolEvidence(failed), AT).cause).toBe('provider-down');
});
