import { describe, expect, test } from '@jest/globals';
import { isLoopback } from '../../../domain/loopback.js';
import { firstLineOf, isObject, messageOf } from '../../../domain/values.js';

describe('a value', () => {
  test.each([
    ['an object', {}, true],
    ['an array', [], false],
    ['null', null, false],
    ['a text', 'text', false],
    ['nothing', undefined, false],
  ])('a value that is %s has members by name: %p', (_, value, expected) => {
    expect(isObject(value)).toBe(expected);
  });
});

describe('messageOf', () => {
  test.each([
    ['an error', new Error('first\nsecond'), 'first\nsecond', 'first'],
    ['a text', 'a text', 'a text', 'a text'],
    ['nothing', undefined, 'undefined', 'undefined'],
  ])('a thrown value gives its message when it is %s', (_, thrown, message, firstLine) => {
    expect(messageOf(thrown)).toBe(message);
    expect(firstLineOf(thrown)).toBe(firstLine);
  });
});

describe('a host', () => {
  test.each(['localhost', '::1', '[::1]', '127.0.0.1', '127.1.22.255'])('%s is a loopback address', (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  test.each([
    'localhost.example',
    'example.localhost',
    '::10',
    '127.0.0.1.example',
    '1127.0.0.1',
    '127.0.0',
    '10.0.0.1',
  ])('%s is no loopback address', (host) => {
    expect(isLoopback(host)).toBe(false);
  });
});
