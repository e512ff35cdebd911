import { describe, expect, test } from '@jest/globals';
import { identifierPattern, NULL_PROVIDER, workerKeyText, workerPoolIdPattern } from '../../../domain/ids.js';

const worker = { workerPoolId: 'proj/pool', workerGroup: 'us-west-2', workerId: 'i-1' };

describe('an identifier', () => {
  test.each(['a', 'Z', '0', '_', '-', 'us-west-2_B', 'x'.repeat(38)])('an identifier may be %j', (text) => {
    expect(identifierPattern.test(text)).toBe(true);
  });

  test.each(['', 'a.b', 'a b', '.a', 'a.', 'a/b', 'é', 'a\n', 'x'.repeat(39)])('an identifier is never %j', (text) => {
    expect(identifierPattern.test(text)).toBe(false);
  });
});

describe('a worker pool id', () => {
  const longest = `${'P'.repeat(38)}/p${'-'.repeat(36)}9`;

  test.each(['p/a', 'Proj_1-x/linux-2', 'p/a9', 'p/a-b', longest])('a worker pool id may be %j', (text) => {
    expect(workerPoolIdPattern.test(text)).toBe(true);
  });

  test.each([
    ['without a slash', 'pool'],
    ['with nothing before the slash', '/a'],
    ['with nothing behind the slash', 'p/'],
    ['with a second slash', 'p/a/b'],
    ['with a dot before the slash', 'p.q/a'],
    ['with a digit first behind the slash', 'p/1a'],
    ['with a capital letter behind the slash', 'p/aB'],
    ['with a hyphen at the end', 'p/a-'],
    ['with an underscore behind the slash', 'p/a_b'],
    ['with something in front', '.p/a'],
    ['with a line break behind', 'p/a\n'],
    ['that is too long before the slash', `${'P'.repeat(39)}/a`],
    ['that is too long behind the slash', `${longest}9`],
  ])('a worker pool id is never one %s', (_case, text) => {
    expect(workerPoolIdPattern.test(text)).toBe(false);
  });
});

test('the provider of a pool under deletion has the name that clients send', () => {
  expect(NULL_PROVIDER).toBe('null-provider');
});

test('the text of a worker key names pool, group and id', () => {
  expect(workerKeyText(worker)).toBe('proj/pool/us-west-2/i-1');
});
