import { describe, expect, test } from '@jest/globals';
import {
  acceptsRegistration,
  credentialsDeadline,
  lifecycleTiming,
  REGISTRATION_GRACE_MS,
  registrationDeadline,
} from '../../../domain/lifecycle.js';

const NOW = 1_700_000_000_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const defaults = { registrationSeconds: 1800 };
const usual = { registrationMs: 30 * MINUTE, reregistrationMs: 4 * DAY, queueInactivityMs: 2 * HOUR };

describe('lifecycleTiming', () => {
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
  ])('the timing of %s', (_case, settings, timing) => {
    expect(lifecycleTiming(settings, defaults)).toEqual(timing);
  });
});

describe('deadlines', () => {
  test('a machine has its registration time from the request on', () => {
    expect(registrationDeadline(NOW, usual)).toBe(NOW + 30 * MINUTE);
  });

  test('the registration deadline is never later than credentials would end', () => {
    expect(registrationDeadline(NOW, { ...usual, reregistrationMs: 5 * MINUTE })).toBe(NOW + 5 * MINUTE);
  });

  test('credentials last for the re-registration time', () => {
    expect(credentialsDeadline(NOW, usual)).toBe(NOW + 4 * DAY);
  });
});

describe('registration', () => {
  const running = { state: 'running', registeredAtMs: NOW, credentialsUsed: false, nowMs: NOW + MINUTE } as const;

  test.each([
    ['a requested worker', { state: 'requested', registeredAtMs: null, credentialsUsed: false, nowMs: NOW }],
    ['one just registered that has not used its credentials', running],
    ['one whose registration lies ahead of our clock', { ...running, nowMs: NOW - MINUTE }],
    ['the last instant of the grace', { ...running, nowMs: NOW + REGISTRATION_GRACE_MS - 1 }],
    ['a static worker that never registered', { ...running, registeredAtMs: null }],
  ] as const)('registration is accepted for %s', (_case, worker) => {
    expect(acceptsRegistration(worker)).toEqual({ ok: true });
  });

  test.each([
    ['one that is stopping', { ...running, state: 'stopping' }, 'the worker is stopping'],
    ['one that stopped', { ...running, state: 'stopped' }, 'the worker is stopped'],
    ['one in use', { ...running, credentialsUsed: true }, 'the worker has registered and is in use'],
    [
      'one that registered ten minutes ago',
      { ...running, nowMs: NOW + REGISTRATION_GRACE_MS },
      'the worker registered more than 10 minutes ago',
    ],
  ] as const)('registration is rejected for %s', (_case, worker, reason) => {
    expect(acceptsRegistration(worker)).toEqual({ ok: false, reason });
  });
});
