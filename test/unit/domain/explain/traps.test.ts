import { describe, expect, test } from '@jest/globals';
import { noCapacity } from '../../../../domain/estimator.js';
import { explainPool } from '../../../../domain/explain/explain.js';
import { weightText } from '../../../../domain/explain/words.js';
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
const hold = { begin: clockOf('12:01:00'), end: null, ofAllPools: false, who: 'ops', reason: 'bad image', source };
const full = { ...noCapacity, runningCapacity: 10, currentCapacity: 10 };
const decision = { at: clockOf('12:01:28'), failure: null, limit: null, requestedMachines: 24, source };

describe('two causes at once', () => {
  test('an explanation names what binds first and lists what would bind next', () => {
    const { pool } = poolEvidence();
    const explained = explainPool(
      poolEvidence({
        holds: [hold],
        pool: { ...pool!, maxCapacity: 10 },
        poll: poll({ counts: { pendingTasks: 41, claimedTasks: 10 } }),
        capacity: full,
      }),
      AT,
    );
    expect(explained.cause).toBe('held');
    expect(explained.also.map(({ cause }) => cause)).toEqual(['at-maximum']);
  });

  test('an explanation of a hold says that nothing was wanted beside it', () => {
    const explained = explainPool(poolEvidence({ holds: [hold], capacity: { ...full, runningCapacity: 50 } }), AT);
    expect(explained.cause).toBe('held');
    expect(explained.also.map(({ cause }) => cause)).toEqual(['nothing-wanted']);
  });

  test('an explanation names a pool’s own hold before that of all pools', () => {
    const ofAll = { ...hold, begin: clockOf('09:00:00'), ofAllPools: true, who: 'boss', reason: 'freeze' };
    expect(explainPool(poolEvidence({ holds: [ofAll, hold] }), AT).sentence).toContain('ops held the pool');
    expect(explainPool(poolEvidence({ holds: [ofAll] }), AT).sentence).toContain('boss held all pools');
  });

  test('an explanation of backoffs names the one that ends first and lists those of other kinds', () => {
    const quota = backoff({ failureClass: 'quota', code: 'VcpuLimitExceeded', until: clockOf('12:02:00') });
    const launchConfigs = [launchConfig('lc-a', { backoff: backoff() }), launchConfig('lc-b', { backoff: quota })];
    const explained = explainPool(poolEvidence({ launchConfigs }), AT);
    expect(explained).toMatchObject({ cause: 'quota', nextChange: { what: 'lc-b is tried again' } });
    expect(explained.also.map(({ cause }) => cause)).toEqual(['backed-off-no-capacity']);
  });

  test('an explanation names the kind of which most is on its way', () => {
    const explained = explainPool(
      poolEvidence({
        capacity: { ...noCapacity, requestedCapacity: 41, currentCapacity: 41 },
        booting: [booting({ machines: 36, capacity: 36 })],
        openLaunches: [openLaunch({ inDoubtSince: clockOf('12:00:00') })],
      }),
      AT,
    );
    expect(explained.cause).toBe('still-booting');
    expect(explained.also.map(({ cause }) => cause)).toEqual(['launch-in-doubt']);
  });

  test('an explanation of a queue that does not answer names what keeps the minimum from being launched', () => {
    const { pool } = poolEvidence();
    const explained = explainPool(
      poolEvidence({
        pool: { ...pool!, minCapacity: 2 },
        poll: poll({ counts: null, failure: 'HTTP 503' }),
        launchConfigs: [launchConfig('lc-a', { backoff: backoff() })],
      }),
      AT,
    );
    expect(explained.cause).toBe('backed-off-no-capacity');
    expect(explained.also.map(({ cause }) => cause)).toEqual(['demand-unreadable']);
  });
});

describe('a change', () => {
  test('an explanation leaves out a backoff that is over at its instant', () => {
    const launchConfigs = [launchConfig('lc-a', { backoff: backoff() })];
    expect(explainPool(poolEvidence({ launchConfigs }), clockOf('12:01:36')).cause).toBe('backed-off-no-capacity');
    const after = poll({ at: clockOf('12:03:10'), dueAt: clockOf('12:03:20'), since: clockOf('12:03:10') });
    expect(explainPool(poolEvidence({ launchConfigs, poll: after }), clockOf('12:03:11')).cause).toBe('launching');
  });

  test('an explanation is as certain as the counts that it rests on', () => {
    const evidence = poolEvidence({ capacity: { ...full, runningCapacity: 50 } });
    const next = (pendingTasks: number) => poll({ at: clockOf('12:01:37'), counts: { pendingTasks, claimedTasks: 0 } });
    expect(explainPool(evidence, AT).certainty).toBe('exact');
    expect(explainPool({ ...evidence, nextPoll: next(41) }, AT).certainty).toBe('exact');
    expect(explainPool({ ...evidence, nextPoll: next(60) }, AT).certainty).toBe('between-polls');
    expect(explainPool({ ...evidence, nextPoll: next(60), holds: [hold] }, AT).certainty).toBe('exact');
  });

  test('an explanation needs a poll within three times as long as polls are apart', () => {
    const evidence = poolEvidence({ holds: [hold] });
    expect(explainPool(evidence, clockOf('12:01:57')).cause).toBe('held');
    expect(explainPool(evidence, clockOf('12:01:58')).cause).toBe('not-evaluated');
    expect(explainPool({ ...evidence, nextPoll: poll({ at: clockOf('12:01:56') }) }, clockOf('12:01:58')).cause).toBe(
      'held',
    );
  });

  test('an explanation between a poll and its reconciliation says that machines are about to be launched', () => {
    const fresh = poll({ since: clockOf('12:01:27') });
    expect(explainPool(poolEvidence({ poll: fresh }), AT)).toMatchObject({
      cause: 'launching',
      sentence: '41 more were wanted, and nothing kept the pool from them: a reconciliation was about to request them.',
    });
    expect(explainPool(poolEvidence({ poll: fresh, decision }), AT).sentence).toContain('requested 24 machines');
  });

  test('an explanation of a pool that nobody reconciles says so', () => {
    const old = poll({ since: clockOf('11:50:00') });
    expect(explainPool(poolEvidence({ poll: old }), AT)).toMatchObject({
      cause: 'not-evaluated',
      certainty: 'not-evaluated',
      sentence: 'The pool was never reconciled; 41 more were wanted.',
    });
    const failed = { ...decision, failure: 'statement timeout' };
    expect(explainPool(poolEvidence({ poll: old, decision: failed }), AT).sentence).toBe(
      'The reconciliation at 12:01:28 failed ("statement timeout"); 41 more were wanted.',
    );
  });

  test('an explanation leaves out a limit of the deployment that is over', () => {
    const limit = { name: 'launchesPerMinute', used: 500, max: 500, until: clockOf('12:01:29') } as const;
    expect(explainPool(poolEvidence({ decision: { ...decision, limit } }), AT).cause).toBe('launching');
  });
});

describe('a launch in doubt', () => {
  test('an explanation says that an overdue launch in doubt keeps its room', () => {
    const { pool } = poolEvidence();
    const explained = explainPool(
      poolEvidence({
        pool: { ...pool!, maxCapacity: 5 },
        capacity: { ...noCapacity, inDoubtCapacity: 5 },
        openLaunches: [openLaunch({ inDoubtSince: clockOf('11:50:00'), isOverdue: true })],
      }),
      AT,
    );
    expect(explained).toMatchObject({
      cause: 'launch-in-doubt',
      sentence:
        'The answer to launch run.0.0.ab (5 machines, 11:50:00) is lost; ' +
        'it keeps 5 of the maximum of 5 until a search proves what there is.',
    });
  });

  test('an explanation names the launch in doubt that keeps the only launch config', () => {
    const explained = explainPool(
      poolEvidence({
        capacity: { ...noCapacity, requestedCapacity: 5, currentCapacity: 5 },
        launchConfigs: [launchConfig('lc-a', { openLaunches: 1 })],
        openLaunches: [openLaunch({ inDoubtSince: clockOf('12:01:00') })],
      }),
      AT,
    );
    expect(explained.cause).toBe('launch-in-doubt');
  });
});

describe('candidates', () => {
  test('an explanation gives each launch config its weight, outcome and the cloud’s request', () => {
    const launchConfigs = [
      launchConfig('lc-a', { usedCapacity: 12, recentErrors: 2, backoff: backoff() }),
      launchConfig('lc-b', { recentErrors: 3, preemptedPart: 0.1 }),
      launchConfig('lc-c', { maxCapacity: 0 }),
    ];
    const [a, b, c] = explainPool(poolEvidence({ launchConfigs }), AT).candidates;
    expect(a).toMatchObject({
      weight: { initial: 1, used: 0.12, errors: 0.4, preempted: 0, drawn: 0 },
      ...{ outcome: 'backing off', reason: 'InsufficientInstanceCapacity', until: clockOf('12:03:10') },
      requestIds: ['req-1f'],
    });
    expect(b).toMatchObject({
      weight: { initial: 1, used: 0, errors: 0.6, preempted: 0.1, drawn: expect.closeTo(0.3) },
      outcome: 'usable',
    });
    expect([weightText(a!.weight), weightText(b!.weight)]).toEqual([
      '1 − 0.12 − 0.4 = 0.48',
      '1 − 0 − 0.6 − 0.1 = 0.3',
    ]);
    expect(c).toMatchObject({ weight: { used: 1, drawn: 0 }, outcome: 'no capacity left' });
  });

  test('an explanation names the rows that it rests on once each', () => {
    const { evidence } = explainPool(poolEvidence({ capacity: { ...full, runningCapacity: 50 } }), AT);
    expect(evidence.map(({ kind, id }) => `${kind} ${id}`)).toEqual(['poll 8812', 'revision 7']);
  });
});
