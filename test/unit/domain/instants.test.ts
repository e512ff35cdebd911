import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseInstant } from '../../../domain/instants.js';

describe('parseInstant', () => {
  test.each([
    ['2027-06-30T23:59:59Z', Date.UTC(2027, 5, 30, 23, 59, 59)],
    ['2027-06-30t23:59:59.1239z', Date.UTC(2027, 5, 30, 23, 59, 59, 123)],
    ['2027-06-30T23:59:60Z', Date.UTC(2027, 6, 1)],
    ['2027-07-01T01:29:60.5+01:30', Date.UTC(2027, 6, 1)],
    ['2027-06-30T12:00:00-07:30', Date.UTC(2027, 5, 30, 19, 30)],
    ['9999-12-31T23:59:59.999Z', Date.UTC(9999, 11, 31, 23, 59, 59, 999)],
    ['0001-01-01T00:00:00Z', Date.parse('0001-01-01T00:00:00Z')],
    ['2028-02-29T00:00:00Z', Date.UTC(2028, 1, 29)],
  ])('parseInstant reads %s', (text, instant) => {
    expect(parseInstant(text)).toBe(instant);
  });

  test.each([
    '2027-06-30T23:59:59+01',
    '2027-06-30T23:59:59+0100',
    '2027-06-30 23:59:59Z',
    '2027-06-30T23:59:59',
    '2027-06-30',
    '2027-02-29T00:00:00Z',
    '2027-13-01T00:00:00Z',
    '2027-00-01T00:00:00Z',
    '2027-01-00T00:00:00Z',
    '2027-04-31T00:00:00Z',
    '2027-01-99T00:00:00Z',
    '2027-06-30T24:00:00Z',
    '2027-06-30T12:60:00Z',
    '2027-06-30T12:59:60Z',
    '2027-06-30T23:58:60Z',
    '2027-06-30T23:59:61Z',
    '2027-06-30T23:59:59+24:00',
    '9999-12-31T23:59:60Z',
    '9999-12-31T23:59:59-00:01',
    '0000-01-01T00:00:00+00:01',
    '+010000-01-01T00:00:00Z',
    '2027-06-30T23:59:59Z\n',
    '',
  ])('parseInstant rejects %j', (text) => {
    expect(parseInstant(text)).toBeNull();
  });

  test('parseInstant reads what toISOString writes, for every instant with a year of four digits', () => {
    const instants = fc.date({ min: new Date('0000-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z') });
    fc.assert(
      fc.property(instants, (date) => {
        fc.pre(!Number.isNaN(date.getTime()));
        expect(parseInstant(date.toISOString())).toBe(date.getTime());
      }),
      { seed: 9, numRuns: 2000 },
    );
  });
});
