import { describe, expect, test } from '@jest/globals';
import { isOutage } from '../../../cli/exit.js';

const withCode = (code: string) => Object.assign(new Error('no'), { code });

describe('an error that ends a command', () => {
  test.each(['57014', '57P01', '08006', '53300', 'ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT'])(
    'is an outage when its code is %s: the process may be started again as it is',
    (code) => expect(isOutage(withCode(code))).toBe(true),
  );

  test.each([withCode('23505'), withCode('42P01'), new TypeError('undefined is not a function'), 'text'])(
    'is not an outage otherwise: %s',
    (error) => expect(isOutage(error)).toBe(false),
  );
});
