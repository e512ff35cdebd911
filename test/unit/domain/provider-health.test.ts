import { describe, expect, test } from '@jest/globals';
import { afterCheck, afterSuspension, SUSPENDED_MS, UNCHECKED } from '../../../domain/provider-health.js';

const T = 1_000_000;
const MINUTE = 60_000;
const well = afterCheck(UNCHECKED, { failure: null }, T);
const failing = { failure: 'no credentials' };

describe('afterCheck', () => {
  test('afterCheck finds a provider unhealthy at once when its first check fails', () => {
    expect(afterCheck(UNCHECKED, failing, T)).toMatchObject({ state: 'failed', message: 'no credentials', since: T });
  });

  test('afterCheck finds one that was well unhealthy with its second failure in a row, since the first', () => {
    const doubted = afterCheck(well, failing, T + MINUTE);
    expect(doubted).toMatchObject({ state: 'ok', message: null, since: T });
    expect(afterCheck(doubted, failing, T + 2 * MINUTE)).toMatchObject({ state: 'failed', since: T + MINUTE });
    const recovered = afterCheck(doubted, { failure: null }, T + 2 * MINUTE);
    expect(afterCheck(recovered, failing, T + 3 * MINUTE)).toMatchObject({ state: 'ok', since: T });
  });

  test('afterCheck keeps since when an unhealthy provider was found so, and says the latest reason', () => {
    const failed = afterCheck(UNCHECKED, failing, T);
    expect(afterCheck(failed, { failure: 'no answer' }, T + MINUTE)).toMatchObject({ message: 'no answer', since: T });
  });

  test('afterCheck finds an unhealthy provider well with one check that succeeds, with its remarks', () => {
    const failed = afterCheck(UNCHECKED, failing, T);
    const remarks = ['region a is not enabled', 'region b is not enabled'];
    expect(afterCheck(failed, { failure: null, remarks }, T + MINUTE)).toMatchObject({
      ...{ state: 'ok', message: 'region a is not enabled; region b is not enabled', since: T + MINUTE },
    });
  });
});

describe('afterSuspension', () => {
  test('afterSuspension finds a provider unhealthy although it can be read, until a launch may be tried again', () => {
    const suspended = afterSuspension(well, 'read only', T + MINUTE);
    expect(suspended).toMatchObject({ state: 'failed', message: 'read only', since: T + MINUTE });
    const read = afterCheck(suspended, { failure: null }, T + MINUTE + SUSPENDED_MS - 1);
    expect(read).toMatchObject({ state: 'failed', since: T + MINUTE });
    expect(afterCheck(read, { failure: null }, T + MINUTE + SUSPENDED_MS)).toMatchObject({
      state: 'ok',
      message: null,
    });
    expect(afterSuspension(read, 'read only', T + 9 * MINUTE)).toMatchObject({ since: T + MINUTE });
  });
});
