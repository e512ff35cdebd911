import { describe, expect, test } from '@jest/globals';
import { isOverdue, LAUNCH_ATTEMPT_TIMEOUT_MS, MAX_IN_DOUBT_MS, SETTLED_AFTER_MS } from '../../../domain/launch.js';
import { LISTED_AFTER_MS } from '../../../domain/observation.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const NOW = Date.UTC(2026, 10, 28);

describe('a launch', () => {
  test('a launch is overdue from its second minute in doubt on', () => {
    const overdueAfter = (ms: number) => isOverdue({ inDoubtSince: NOW - ms }, NOW);
    expect([overdueAfter(0), overdueAfter(2 * MINUTE - 1)]).toEqual([false, false]);
    expect([overdueAfter(2 * MINUTE), overdueAfter(60 * MINUTE)]).toEqual([true, true]);
  });

  test('a launch that is not in doubt is never overdue', () => {
    expect(isOverdue({ inDoubtSince: null }, NOW)).toBe(false);
  });

  test('a launch in doubt is sent again for two minutes', () => {
    expect(MAX_IN_DOUBT_MS).toBe(2 * MINUTE);
  });

  test('a launch is resolved by a list that begins after its last attempt could still send, and clouds list what was sent', () => {
    expect(LAUNCH_ATTEMPT_TIMEOUT_MS).toBe(40 * SECOND);
    expect(LISTED_AFTER_MS).toBe(5 * MINUTE);
    expect(SETTLED_AFTER_MS).toBe(5 * MINUTE + 40 * SECOND);
  });
});
