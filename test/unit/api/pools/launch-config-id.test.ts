import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { jsonbText, launchConfigIdOf } from '../../../../api/pools/launch-config-id.js';

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

// Right sides printed by PostgreSQL 15: select ('<JSON of the left side>'::jsonb)::text
const vectors: [value: unknown, text: string][] = [
  [null, 'null'],
  [true, 'true'],
  ['', '""'],
  [-0, '0'],
  [-1.5, '-1.5'],
  [0.1, '0.1'],
  [1e20, '100000000000000000000'],
  [1e21, '1000000000000000000000'],
  [1.5e21, '1500000000000000000000'],
  [0.000001, '0.000001'],
  [1e-7, '0.0000001'],
  [-1.25e-7, '-0.000000125'],
  [5e-324, `0.${'0'.repeat(323)}5`],
  [Number.MAX_VALUE, `17976931348623157${'0'.repeat(292)}`],
  [123456789012345680000, '123456789012345680000'],
  ['"\\/\b\f\n\r\t', '"\\"\\\\/\\b\\f\\n\\r\\t"'],
  ['\u0001\u001f\u007f\u2028', '"\\u0001\\u001f\u007f\u2028"'],
  ['é€😀', '"é€😀"'],
  [[], '[]'],
  [{}, '{}'],
  [[1, 'a', [null]], '[1, "a", [null]]'],
  [{ b: 1, a: 2, aa: 3, B: 4, '': 5 }, '{"": 5, "B": 4, "a": 2, "b": 1, "aa": 3}'],
  [{ é: 1, zz: 2, z: 3, '😀': 4, abcd: 5, abc: 6 }, '{"z": 3, "zz": 2, "é": 1, "abc": 6, "abcd": 5, "😀": 4}'],
  [{ ab: 1, aa: 2 }, '{"aa": 2, "ab": 1}'],
  [{ '"': 1, '\n': 2 }, '{"\\n": 2, "\\"": 1}'],
  [{ '10': 1, '9': 2, '010': 3 }, '{"9": 2, "10": 1, "010": 3}'],
  [{ aaaa: 1, a: { c: [{ y: 1, x: 2 }], b: {} } }, '{"a": {"b": {}, "c": [{"x": 2, "y": 1}]}, "aaaa": 1}'],
];

const UNSTORABLE = 'A text with a NUL character or half a surrogate pair cannot be stored.';

describe('jsonbText', () => {
  test.each(vectors)('jsonbText gives %j the text that Postgres prints', (value, text) => {
    expect(jsonbText(value)).toBe(text);
  });

  test('jsonbText leaves out what JSON leaves out', () => {
    expect(jsonbText({ a: undefined, b: 1 })).toBe('{"b": 1}');
  });

  test.each([
    ['a NUL character', 'a\0b', UNSTORABLE],
    ['half a surrogate pair', '\ud800', UNSTORABLE],
    ['a NUL character in a key', { '\0': 1 }, UNSTORABLE],
    ['a number that JSON does not have', Number.NaN, 'NaN is not a JSON number.'],
    ['a function', () => 1, 'A function is not a JSON value.'],
  ])('jsonbText rejects %s, as Postgres does, and says so', (_case, value, message) => {
    expect(() => jsonbText(value)).toThrow(new RangeError(message));
  });
});

describe('launchConfigIdOf', () => {
  const configuration = {
    region: 'us-west-2',
    launchConfig: { ImageId: 'ami-1', Placement: { Tenancy: 'default' } },
    workerManager: { capacityPerInstance: 4 },
    workerConfig: { ratio: 0.5, naïve: ['a', 1e-7] },
  };

  test('a launch config id follows from pool and configuration, as Postgres computes it', () => {
    expect(launchConfigIdOf('proj/pool', configuration, md5)).toBe('lc-abf716e8d8bc470f1522');
  });

  test('a launch config that names itself keeps its id', () => {
    const named = { ...configuration, workerManager: { launchConfigId: 'mine' } };
    expect(launchConfigIdOf('proj/pool', named, md5)).toBe('mine');
  });

  test('a launch config id does not depend on the order of keys nor on workerManager', () => {
    const { workerManager: _, ...rest } = configuration;
    const reordered = Object.fromEntries(Object.entries(rest).toReversed());
    expect(launchConfigIdOf('proj/pool', reordered, md5)).toBe('lc-abf716e8d8bc470f1522');
  });

  test('launch config ids differ between pools and between configurations', () => {
    const ids = [
      launchConfigIdOf('proj/pool', configuration, md5),
      launchConfigIdOf('proj/pool2', configuration, md5),
      launchConfigIdOf('proj/pool', { ...configuration, region: 'us-west-1' }, md5),
    ];
    expect(new Set(ids).size).toBe(3);
  });
});
