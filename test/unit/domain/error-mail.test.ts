import { expect, test } from '@jest/globals';
import { errorMail, type MailedError } from '../../../domain/error-mail.js';

const pool = { workerPoolId: 'proj/linux', owner: 'owner@example.com' };
const error = (changes: Partial<MailedError> = {}): MailedError => ({
  errorId: 'E1',
  kind: 'creation-error',
  title: 'Instance Creation Error',
  description: 'no capacity in us-west-2',
  launchConfigId: 'lc-1',
  extra: { code: 'InsufficientInstanceCapacity' },
  occurrences: 1,
  lastMailedAt: null,
  ...changes,
});

test('a mail about one error has Taskcluster’s subject, and says what it was and where', () => {
  const { address, subject, content } = errorMail(pool, [error()], 0);
  expect([address, subject]).toEqual([
    'owner@example.com',
    'Taskcluster Worker Manager Error: Instance Creation Error',
  ]);
  for (const part of [
    'proj/linux',
    'no capacity in us-west-2',
    'errorId: E1',
    'lc-1',
    'InsufficientInstanceCapacity',
  ]) {
    expect(content).toContain(part);
  }
  expect(content).toContain('It has occurred once.');
});

test('a mail about an error that was mailed before says how often it has occurred since', () => {
  const { content } = errorMail(pool, [error({ occurrences: 57, lastMailedAt: Date.UTC(2030, 0, 1) })], 0);
  expect(content).toContain('57 times since the last mail about it, at 2030-01-01T00:00:00.000Z');
});

test('a mail about several errors has each of them, and says how many come with the next', () => {
  const { subject, content } = errorMail(pool, [error(), error({ errorId: 'E2', title: 'Another' })], 3);
  expect(subject).toBe('Taskcluster Worker Manager Error: Instance Creation Error (and 4 more)');
  for (const part of ['E1', 'E2', 'Another', '3 more errors']) expect(content).toContain(part);
});

test('a mail keeps what others have written in code blocks, and its subject on one line', () => {
  const text = 'one\r\n# [click](http://evil.example)\u2028<img src=x>\n\tlast';
  const { subject, content } = errorMail(pool, [error({ title: text, description: text, extra: { text } })], 0);
  expect(subject).not.toMatch(/[\r\n\u2028]/);
  const suspicious = content.split('\n').filter((line) => /click|img|last/.test(line) && !line.startsWith('    '));
  expect(suspicious.filter((line) => !line.includes('latest'))).toEqual([]);
});

test('a mail stays within what the notify service takes', () => {
  const long = 'é'.repeat(20_000);
  const errors = Array.from({ length: 20 }, () => error({ title: long, description: long, extra: { long } }));
  const { subject, content } = errorMail(pool, errors, 1_000_000);
  expect(subject.length).toBeLessThanOrEqual(255);
  expect(content.length).toBeLessThanOrEqual(102_400);
});
