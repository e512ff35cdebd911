import { beforeEach, describe, expect, test } from '@jest/globals';
import { isSaidByRefusals, WriteRefusals } from '../../../../database/client/write-refusals.js';
import { recordedLog, type RecordedLog } from '../../../support/recorded-log.js';

const failure = (code: string) => Object.assign(new Error('refused'), { code });
const readOnly = failure('25006');
const full = failure('53100');

describe('WriteRefusals', () => {
  let now: number;
  let log: RecordedLog;
  let refusals: WriteRefusals;
  beforeEach(() => {
    now = 0;
    log = recordedLog();
    refusals = new WriteRefusals(log.log, () => now);
  });

  test('says once that a database takes no change, whatever fails of it', () => {
    for (let attempt = 0; attempt < 5; attempt += 1) refusals.failed(readOnly);
    expect(log.of('database-refuses-writes')).toMatchObject([{ why: 'read-only' }]);
    expect(refusals.why).toBe('read-only');
  });

  test('says anew where the cause has changed', () => {
    refusals.failed(readOnly);
    refusals.failed(full);
    expect(log.of('database-refuses-writes')).toMatchObject([{ why: 'read-only' }, { why: 'full' }]);
  });

  test('says that it is over when nothing was refused for a while, and not because something was read', () => {
    refusals.failed(full);
    refusals.worked();
    now = 10_000;
    refusals.failed(full);
    now = 20_000;
    refusals.worked();
    expect(log.of('database-takes-writes')).toEqual([]);
    now = 25_000;
    refusals.worked();
    refusals.worked();
    expect(log.of('database-takes-writes')).toMatchObject([{ why: 'full', seconds: 10 }]);
    expect(refusals.why).toBeNull();
  });

  test('says nothing of what fails otherwise', () => {
    for (const code of ['23505', '40001', '08006', '53300']) refusals.failed(failure(code));
    refusals.failed(new Error('no code'));
    expect(log.of('database-refuses-writes')).toEqual([]);
  });
});

test('only what failed because the database takes no change is said by that event', () => {
  expect(isSaidByRefusals('rows-not-deleted', full)).toBe(true);
  expect(isSaidByRefusals('rows-not-deleted', failure('23505'))).toBe(false);
  expect(isSaidByRefusals('rows-not-deleted', undefined)).toBe(false);
  expect(isSaidByRefusals('database-refuses-writes', full)).toBe(false);
});
