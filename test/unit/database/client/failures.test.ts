import { describe, expect, test } from '@jest/globals';
import type { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { failuresInWords, toApplicationFailure } from '../../../../activities/support/application-failures.js';
import { isOutage } from '../../../../cli/outage.js';
import {
  DatabaseLostError,
  DatabaseUnavailableError,
  isDatabaseUnavailable,
  isRefusedForGood,
} from '../../../../database/client/failures.js';
import { REFUSED_FOR_GOOD } from '../../../../temporal/messages.js';

const withCode = (code: string) => Object.assign(new Error(`SQLSTATE ${code}`), { code });
const refused = ['22021', '22P02', '22P05', '22003', '22001', '23502', '23514', '54000'];
const unavailable = ['08006', '40001', '40P01', '53100', '53300', '57014', '57P01', '57P03', '55P03', '25006'];

describe('a statement that has failed', () => {
  test.each(refused)('a statement with SQLSTATE %s is rejected for good, and no activity repeats it', (code) => {
    const error = withCode(code);
    expect([isRefusedForGood(error), isDatabaseUnavailable(error)]).toEqual([true, false]);
    expect(toApplicationFailure(error)).toMatchObject({ type: REFUSED_FOR_GOOD, nonRetryable: true });
  });

  test.each([...unavailable, '23505', '42P01'])('a statement is repeated after SQLSTATE %s', (code) => {
    const error = withCode(code);
    expect(isRefusedForGood(error)).toBe(false);
    expect(toApplicationFailure(error)).toBe(error);
  });

  test.each(unavailable)('SQLSTATE %s says nothing of the statement: the database is unavailable', (code) =>
    expect(isDatabaseUnavailable(withCode(code))).toBe(true),
  );

  test.each([new DatabaseUnavailableError(new Error('ended')), new DatabaseLostError('gone')])(
    'a statement without an answer is an outage, and the database is unavailable: %s',
    (error) => expect([isDatabaseUnavailable(error), isOutage(error)]).toEqual([true, true]),
  );

  test('a failed statement has the message of its cause, or the cause’s code where it has none', () => {
    expect(new DatabaseUnavailableError(new Error('ended')).message).toBe('ended');
    const severalAddresses = Object.assign(new AggregateError([], ''), { code: 'ECONNREFUSED' });
    expect(new DatabaseUnavailableError(severalAddresses).message).toBe('ECONNREFUSED');
  });

  test('an error that an activity has already made Temporal’s stays as it is', () => {
    const failure = ApplicationFailure.nonRetryable('no', 'X');
    expect(toApplicationFailure(failure)).toBe(failure);
  });

  test('a failed statement reaches Temporal as a failure that is not repeated, whichever activity sent it', async () => {
    const { inbound } = failuresInWords({} as Context);
    const failed = inbound?.execute?.({ args: [], headers: {} }, () => Promise.reject(withCode('22021')));
    await expect(failed).rejects.toMatchObject({ type: REFUSED_FOR_GOOD, nonRetryable: true });
  });
});
