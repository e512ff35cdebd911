import { describe, expect, test } from '@jest/globals';
import { verdictOf, type GuardsTest, type JestReport } from '../../../scripts/test-verdict.mjs';

const of: GuardsTest = { test: 'a.test.ts', title: 'refuses' };
const assertion = 'Error: expect(received).toBe(expected)';
const timeOut = 'Error: thrown: "Exceeded timeout of 60000 ms for a test.\nAdd a timeout value to this test."';
const failedHook = 'Error: thrown: "Exceeded timeout of 60000 ms for a hook.\nAdd a timeout value to this hook."';

/** A report of one test file: its tests by name, each with the message that it failed with, or null. */
const report = (tests: Readonly<Record<string, string | null>>, message = ''): JestReport => ({
  testResults: [
    {
      message,
      assertionResults: Object.entries(tests).map(([fullName, failure]) => ({
        fullName,
        status: failure === null ? 'passed' : 'failed',
        failureMessages: failure === null ? [] : [failure],
      })),
    },
  ],
});
const passed = report({ 'a door refuses a stranger': null });
const without = async (failure: string | null) => report({ 'a door refuses a stranger': failure });

describe('verdictOf', () => {
  test('a guard is caught by the test whose expectation fails without it', async () => {
    const verdict = await verdictOf(of, passed, () => without(assertion));
    expect(verdict).toMatchObject({ isCaught: true, summary: 'a.test.ts › a door refuses a stranger' });
  });

  test('a guard survives a test that passes without it', async () => {
    expect(await verdictOf(of, passed, () => without(null))).toMatchObject({ isCaught: false });
  });

  test.each([
    ['a time-out', timeOut],
    ['a set-up that takes too long', failedHook],
    ['code that does not run', 'ReferenceError: x is not defined'],
  ])('a guard survives a test that fails by %s', async (_what, failure) => {
    expect(await verdictOf(of, passed, () => without(failure))).toMatchObject({ isCaught: false });
  });

  test('a guard is caught by a time-out where one shows the harm', async () => {
    const verdict = await verdictOf({ ...of, mayTimeOut: true }, passed, () => without(timeOut));
    expect(verdict).toMatchObject({ isCaught: true });
  });

  test.each([
    ['cannot be loaded', report({}, 'SyntaxError')],
    ['leaves no report', null],
  ])('a guard survives a test that %s without it', async (_what, broken) => {
    expect(await verdictOf(of, passed, async () => broken)).toMatchObject({ isCaught: false });
  });

  test.each([
    ['fails with it too', report({ 'a door refuses a stranger': assertion })],
    ['is not there', report({ 'a door opens': null })],
    ['leaves no report', null],
  ])('a guard survives a test that %s, without a further run', async (_what, withGuard) => {
    const run = () => Promise.reject(new Error('a further run'));
    expect(await verdictOf(of, withGuard, run)).toMatchObject({ isCaught: false });
  });
});
