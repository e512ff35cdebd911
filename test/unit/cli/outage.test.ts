import { describe, expect, test } from '@jest/globals';
import { isOutage } from '../../../cli/outage.js';

const withCode = (code: string) => Object.assign(new Error('no'), { code });

describe('isOutage', () => {
  test.each(['57014', '57P01', '08006', '53300', 'ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT'])(
    'an error with code %s is an outage: the process may be restarted as it is',
    (code) => expect(isOutage(withCode(code))).toBe(true),
  );

  test.each([withCode('23505'), withCode('42P01'), new TypeError('undefined is not a function'), 'text'])(
    'an error without the code of an outage is none: %s',
    (error) => expect(isOutage(error)).toBe(false),
  );
});
