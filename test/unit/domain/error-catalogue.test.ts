import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { errorCatalogue, errorCodes } from '../../../domain/error-catalogue.js';

test('the error page lists exactly the codes of the catalogue, with status, meaning and retry', () => {
  const document = readFileSync('docs/reference/errors.md', 'utf8');
  const rows = document
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  expect(rows).toEqual(
    errorCodes.map((code) => {
      const { status, meaning, retry } = errorCatalogue[code];
      return [`\`${code}\``, String(status), meaning, retry ? 'yes' : 'no'];
    }),
  );
});

test('the codes of Taskcluster keep their status', () => {
  const statusOf = Object.fromEntries(errorCodes.map((code) => [code, errorCatalogue[code].status]));
  expect(statusOf).toEqual({
    MalformedPayload: 400,
    InvalidRequestArguments: 400,
    InputValidationError: 400,
    InputError: 400,
    AuthenticationFailed: 401,
    InsufficientScopes: 403,
    ResourceNotFound: 404,
    MethodNotAllowed: 405,
    RequestConflict: 409,
    ResourceExpired: 410,
    InputTooLarge: 413,
    InternalServerError: 500,
    ProviderSetupFailed: 503,
    TryAgain: 503,
  });
});

test('a retry helps with every 5xx and with no 4xx, because a worker-runner gives up on those', () => {
  for (const code of errorCodes) expect(errorCatalogue[code].retry).toBe(errorCatalogue[code].status >= 500);
});
