import { describe, expect, test } from '@jest/globals';
import { missingScopes, satisfies } from '../../../domain/scopes.js';

describe('satisfies', () => {
  test.each([
    ['a:b', 'a:b', true],
    ['a:*', 'a:b', true],
    ['a:*', 'a:', true],
    ['*', 'anything', true],
    ['a:b', 'a:bc', false],
    ['a:b*', 'a:bc', true],
    ['a:b', 'a:*', false],
    ['a:*', 'a:*', true],
    ['a:*b', 'a:xb', false],
    ['', 'a', false],
  ])('the scope %j satisfies %j: %j', (have, required, expected) => {
    expect(satisfies([have], required)).toBe(expected);
  });

  test('missingScopes names the missing scope, and only that', () => {
    expect(missingScopes(['a:*'], ['a:1', 'b:1', 'b:2'])).toEqual(['b:1', 'b:2']);
  });
});
