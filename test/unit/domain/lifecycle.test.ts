import { describe, expect, test } from '@jest/globals';
import {
  acceptsRegistration,
  credentialsDeadline,
  inactivityDeadline,
  lifecycleTiming,
  QUEUE_ACTIVITY_GRANULARITY_MS,
  REGISTRATION_GRACE_MS,
  registrationDeadline,
} from '../../../domain/lifecycle.js';

const NOW = 1_700_000_000_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const defaults = { registrationSeconds: 1800 };
const usual = { registrationMs: 30 * MINUTE, reregistrationMs: 4 * DAY, queueInactivityMs: 2 * HOUR };

describe('timing', () => {
  test.each([
    ['nothing given', undefined, usual],
    ['an empty object', {}, usual],
    ['0 means not given', { registrationTimeout: 0, reregistrationTimeout: 0, queueInactivityTimeout: 0 }, usual],
    ['less than 0 means not given', { registrationTimeout: -5 }, usual],
    [
      'all given',
      { registrationTimeout: 600, reregistrationTimeout: 3600, queueInactivityTimeout: 1800 },
      { registrationMs: 10 * MINUTE, reregistrationMs: HOUR, queueInactivityMs: 30 * MINUTE },
    ],
    ['re-registration beyond 30 days', { reregistrationTimeout: 9_999_999 }, { ...usual, reregistrationMs: 30 * DAY }],
    ['inactivity below 20 minutes', { queueInactivityTimeout: 60 }, { ...usual, queueInactivityMs: 20 * MINUTE }],
  ])('of %s', (_case, settings, timing) => {
    expect(lifecycleTiming(settings, defaults)).toEqual(timing);
  });
});

describe('deadlines', () => {
  test('a machine has its registration time from the request', () => {
    expect(registrationDeadline(NOW, usual)).toBe(NOW + 30 * MINUTE);
  });

  test('registration never ends later than credentials would', () => {
    expect(registrationDeadline(NOW, { ...usual, reregistrationMs: 5 * MINUTE })).toBe(NOW + 5 * MINUTE);
  });

  test('credentials last for the re-registration time', () => {
    expect(credentialsDeadline(NOW, usual)).toBe(NOW + 4 * DAY);
  });
});

const deadlineOf = (firstClaimAtMs: number | null | undefined, lastActiveAtMs: number | null | undefined) =>
  inactivityDeadline({ registeredAtMs: NOW, firstClaimAtMs, lastActiveAtMs, timing: usual });

describe('inactivity', () => {
  test('a missing fact gives no deadline', () => {
    expect(deadlineOf(undefined, undefined)).toBeNull();
    expect(deadlineOf(undefined, NOW)).toBeNull();
    expect(deadlineOf(undefined, null)).toBeNull();
    expect(deadlineOf(NOW, undefined)).toBeNull();
    expect(deadlineOf(NOW, null)).toBeNull();
  });

  test('a worker that never claimed work counts from its registration', () => {
    expect(deadlineOf(null, undefined)).toBe(NOW + 2 * HOUR);
    expect(deadlineOf(null, null)).toBe(NOW + 2 * HOUR);
  });

  test('a worker that claimed counts from its last activity, as late as that may have been', () => {
    expect(deadlineOf(NOW, NOW + HOUR)).toBe(NOW + HOUR + QUEUE_ACTIVITY_GRANULARITY_MS + 2 * HOUR);
  });

  test('the shortest timeout does not remove a worker that reclaims its task every 20 minutes (W51)', () => {
    const timing = lifecycleTiming({ queueInactivityTimeout: 1200 }, defaults);
    const recorded = NOW + HOUR;
    const deadline = inactivityDeadline({ registeredAtMs: NOW, firstClaimAtMs: NOW, lastActiveAtMs: recorded, timing });
    // active 29 minutes after the record without renewing it, and then not before the next reclaim
    expect(deadline).toBeGreaterThan(recorded + 29 * MINUTE + 20 * MINUTE);
  });

  test('activity from before the registration, of an earlier machine of that name, does not shorten the time', () => {
    expect(deadlineOf(NOW - DAY, NOW - DAY)).toBe(NOW + 2 * HOUR);
  });
});

describe('registration', () => {
  const running = { state: 'running', registeredAtMs: NOW, signOfLife: false, nowMs: NOW + MINUTE } as const;

  test.each([
    ['a requested worker', { state: 'requested', registeredAtMs: null, signOfLife: false, nowMs: NOW }],
    ['one just registered that gave no sign of life', running],
    ['one whose registration lies ahead of our clock', { ...running, nowMs: NOW - MINUTE }],
    ['the last instant of the grace', { ...running, nowMs: NOW + REGISTRATION_GRACE_MS - 1 }],
    ['a static worker that never registered', { ...running, registeredAtMs: null }],
  ] as const)('is accepted for %s', (_case, worker) => {
    expect(acceptsRegistration(worker)).toEqual({ ok: true });
  });

  test.each([
    ['one that is stopping', { ...running, state: 'stopping' }, 'the worker is stopping'],
    ['one that stopped', { ...running, state: 'stopped' }, 'the worker is stopped'],
    ['one in use', { ...running, signOfLife: true }, 'the worker has registered and is in use'],
    [
      'one that registered ten minutes ago',
      { ...running, nowMs: NOW + REGISTRATION_GRACE_MS },
      'the worker registered more than 10 minutes ago',
    ],
  ] as const)('is refused for %s', (_case, worker, reason) => {
    expect(acceptsRegistration(worker)).toEqual({ ok: false, reason });
  });
});
