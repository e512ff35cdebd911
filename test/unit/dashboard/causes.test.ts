import { describe, expect, test } from '@jest/globals';
import { changeAfter, changeBefore, rangeOf, type Segment, whyOfCause, windowOf } from '../../../dashboard/causes.js';
import { poolCauses, workerCauses } from '../../../domain/explain/explanation.js';

const NOW = Date.parse('2026-11-28T12:00:00.000Z');

describe('windowOf', () => {
  test('windowOf ends now where the range up to now has the instant, or none is given', () => {
    const upToNow = { from: '2026-11-28T11:00:00.000Z', to: '2026-11-28T12:00:00.000Z', isLive: true };
    expect(windowOf(undefined, '1h', NOW)).toEqual(upToNow);
    expect(windowOf('2026-11-28T11:00:00Z', '1h', NOW)).toEqual(upToNow);
    expect(windowOf('no instant', '1h', NOW)).toEqual(upToNow);
  });

  test('windowOf still ends now where its begin has moved past the instant', () => {
    expect(windowOf('2026-11-28T10:59:00Z', '1h', NOW)).toEqual({
      from: '2026-11-28T10:29:00.000Z',
      to: '2026-11-28T12:00:00.000Z',
      isLive: true,
    });
  });

  test('windowOf has an earlier instant in its middle', () => {
    expect(windowOf('2026-11-28T10:00:00Z', '1h', NOW)).toEqual({
      from: '2026-11-28T09:30:00.000Z',
      to: '2026-11-28T10:30:00.000Z',
      isLive: false,
    });
  });
});

test('rangeOf takes what is no range as an hour', () => {
  expect(rangeOf('24h')).toBe('24h');
  expect(rangeOf(undefined)).toBe('1h');
  expect(rangeOf('toString')).toBe('1h');
});

describe('changes of a strip', () => {
  const segment = (from: string, to: string): Segment => ({
    ...{ from: `2026-11-28T${from}:00.000Z`, to: `2026-11-28T${to}:00.000Z` },
    ...{ cause: 'held', certainty: 'exact', sentence: '' },
  });
  const strip = [segment('10:00', '10:20'), segment('10:20', '10:40'), segment('10:40', '11:00')];
  const { from: begin } = strip[1]!;

  test('changeBefore gives the begin of a segment, and from there the begin of the one before', () => {
    expect(changeBefore(strip, '2026-11-28T10:30:00Z')).toBe(begin);
    expect(changeBefore(strip, begin)).toBe(strip[0]!.from);
    expect(changeBefore(strip, strip[0]!.from)).toBeUndefined();
  });

  test('changeAfter gives the begin of the next segment, and none after the last', () => {
    expect(changeAfter(strip, '2026-11-28T10:10:00Z')).toBe(begin);
    expect(changeAfter(strip, begin)).toBe(strip[2]!.from);
    expect(changeAfter(strip, strip[2]!.from)).toBeUndefined();
  });
});

test('whyOfCause gives every cause a level', () => {
  for (const cause of [...poolCauses, ...workerCauses]) expect(whyOfCause(cause).level).toBeDefined();
});
