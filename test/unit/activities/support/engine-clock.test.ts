import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { engineNow } from '../../../../activities/support/engine-clock.js';
import { activityEnvironment } from '../../../support/activities.js';

const SCHEDULED = Date.UTC(2026, 10, 28, 5);
const HALF_HOUR_MS = 30 * 60_000;

afterEach(() => {
  jest.restoreAllMocks();
});

describe('engineNow', () => {
  const attempt = () => activityEnvironment({ currentAttemptScheduledTimestampMs: SCHEDULED });

  test.each([-HALF_HOUR_MS, HALF_HOUR_MS])(
    'engineNow follows the engine’s clock when the host’s clock is %d ms off',
    async (offMs) => {
      jest.spyOn(Date, 'now').mockReturnValue(SCHEDULED + offMs);
      expect(await attempt().run(async () => engineNow())).toBe(SCHEDULED);
    },
  );

  test('engineNow counts the time that passes in the attempt, also when the host’s clock is set back', async () => {
    const reading = jest.spyOn(performance, 'now').mockReturnValue(1_000);
    const instants = await attempt().run(async () => {
      const first = engineNow();
      reading.mockReturnValue(61_000);
      jest.spyOn(Date, 'now').mockReturnValue(0);
      return [first, engineNow()];
    });
    expect(instants).toEqual([SCHEDULED, SCHEDULED + 60_000]);
  });

  test('engineNow starts again from the engine’s time with each attempt', async () => {
    const env = attempt();
    await env.run(async () => engineNow());
    const later = activityEnvironment({ currentAttemptScheduledTimestampMs: SCHEDULED + HALF_HOUR_MS });
    expect(await later.run(async () => engineNow())).toBe(SCHEDULED + HALF_HOUR_MS);
  });
});
