import { describe, expect, test } from '@jest/globals';
import { RestError } from '@azure/core-rest-pipeline';
import { classify, meanings, meaningOf } from '../../../providers/azure/errors.js';
import { ProviderError, providerErrorCodes } from '../../../providers/errors.js';

const answered = (statusCode: number, code: string | undefined, message = 'words', retryAfter?: string) =>
  Object.assign(new RestError(message, { statusCode, ...(code && { code }) }), {
    response: { headers: { get: (name: string) => (name === 'retry-after' ? retryAfter : undefined) } },
  });
const named = (name: string, message: string, members: object = {}) =>
  Object.assign(new Error(message), { name, ...members });

describe('what Azure’s answers mean', () => {
  test('every code of the table has a meaning that exists', () => {
    for (const meaning of Object.values(meanings)) expect(providerErrorCodes).toContain(meaning);
  });

  test.each([
    [409, 'AllocationFailed', 'create', 'InsufficientCapacity'],
    [409, 'ZonalAllocationFailed', 'create', 'InsufficientCapacity'],
    [409, 'SkuNotAvailable', 'create', 'InsufficientCapacity'],
    [409, 'OverconstrainedAllocationRequest', 'create', 'InsufficientCapacity'],
    [409, 'QuotaExceeded', 'create', 'QuotaExceeded'],
    [403, 'AuthorizationFailed', 'create', 'PermissionDenied'],
    [401, 'InvalidAuthenticationToken', 'read', 'PermissionDenied'],
    [403, undefined, 'read', 'PermissionDenied'],
    [404, 'ResourceNotFound', 'read', 'NotFound'],
    [404, 'ResourceNotFound', 'delete', 'NotFound'],
    [404, 'ResourceGroupNotFound', 'create', 'InvalidRequest'],
    [429, 'SubscriptionRequestsThrottled', 'read', 'Throttled'],
    [429, undefined, 'delete', 'Throttled'],
    [409, 'AnotherOperationInProgress', 'create', 'Unavailable'],
    [409, 'AnotherOperationInProgress', 'delete', 'Unavailable'],
    [409, 'PropertyChangeNotAllowed', 'create', 'InvalidRequest'],
    [400, 'InvalidParameter', 'create', 'InvalidRequest'],
    [400, 'NicInUse', 'delete', 'Unavailable'],
    [400, 'NicReservedForAnotherVm', 'create', 'Unavailable'],
    [500, 'InternalServerError', 'create', 'Unavailable'],
    [503, undefined, 'create', 'Unavailable'],
    [400, undefined, 'create', 'Unavailable'],
  ] as const)('%i %s on %s is %s', (status, code, callClass, meaning) => {
    expect(classify(answered(status, code), callClass, true).code).toBe(meaning);
  });

  test('OperationNotAllowed is about a quota only when it says so', () => {
    const quota = 'Operation could not be completed as it results in exceeding approved Total Regional Cores quota.';
    expect(meaningOf('OperationNotAllowed', quota, 409, 'create')).toBe('QuotaExceeded');
    expect(meaningOf('OperationNotAllowed', 'Another operation is in progress', 409, 'delete')).toBe('Unavailable');
    expect(meaningOf('AllocationFailed', 'words', 0, 'create')).toBe('InsufficientCapacity');
  });

  test('Azure says when to come back, in seconds or by the clock', () => {
    expect(classify(answered(429, 'TooManyRequests', 'words', '17'), 'read', true).retryAfterMs).toBe(17_000);
    const date = new Date(Date.now() + 60_000).toUTCString();
    const { retryAfterMs } = classify(answered(429, 'TooManyRequests', 'words', date), 'read', true);
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
    expect(classify(answered(429, 'TooManyRequests'), 'read', true).retryAfterMs).toBe(5_000);
    expect(classify(answered(409, 'AnotherOperationInProgress'), 'create', true).retryAfterMs).toBe(2_000);
    expect(classify(answered(503, undefined, 'words', '3'), 'create', true).retryAfterMs).toBe(3_000);
    expect(classify(answered(500, undefined), 'create', true).retryAfterMs).toBeNull();
  });
});

describe('what has no answer', () => {
  test('leaves open what happened, unless the request could not be written', () => {
    const lost = new RestError('socket hang up', { code: 'ECONNRESET' });
    expect(classify(lost, 'create', true)).toMatchObject({ code: 'Unavailable' });
    expect(classify(lost, 'create', false).code).toBe('Unavailable');
    expect(classify(new TypeError('x.map is not a function'), 'create', false).code).toBe('InvalidRequest');
    expect(classify(new TypeError('x.map is not a function'), 'create', true).code).toBe('Unavailable');
    expect(classify('words', 'create', true).code).toBe('Unavailable');
  });

  test('credentials that give no token are named', () => {
    const refused = named('AuthenticationError', 'AADSTS7000215: Invalid client secret provided.', { statusCode: 401 });
    expect(classify(refused, 'read', false)).toMatchObject({
      code: 'PermissionDenied',
      cloudCode: 'AADSTS7000215',
      message: expect.stringMatching(/clientId, secret, domain.*Invalid client secret/),
    });
    expect(classify(named('CredentialUnavailableError', 'no identity here'), 'read', false).code).toBe(
      'PermissionDenied',
    );
    const unreachable = named('AuthenticationError', 'network_error: getaddrinfo ENOTFOUND login', { statusCode: 503 });
    expect(classify(unreachable, 'read', false).code).toBe('Unavailable');
  });
});

test('nothing of the request stays with the error', () => {
  const error = Object.assign(answered(400, 'InvalidParameter'), { request: { body: 'hunter2' } });
  const classified = classify(error, 'create', true);
  expect(classified.cause).toBeUndefined();
  expect(JSON.stringify([classified, classified.message, classified.stack])).not.toContain('hunter2');
  expect(classify(classified, 'read', true)).toBe(classified);
  expect(classified).toBeInstanceOf(ProviderError);
});
