import { describe, expect, test } from '@jest/globals';
import { ProviderError, type ProviderErrorCode } from '../../../../providers/errors.js';
import { classify } from '../../../../providers/google/errors.js';
import { untilNextMinute } from '../../../../providers/google/minute-window.js';
import { reasonsOf } from '../../../../providers/google/operation-errors.js';

const RAW = Symbol.for('google-gax.rawHttpResponsePayload');

function sdkError(status: number | undefined, body: unknown): Error {
  return Object.assign(new Error('of the SDK'), {
    httpStatusCode: status,
    [RAW]: typeof body === 'string' ? body : JSON.stringify(body),
    cause: { config: { body: 'a secret' } },
  });
}
const refusal = (status: number, reason: string, message = 'in words', details: object[] = []) =>
  sdkError(status, { error: { code: status, message, errors: [{ reason, message, domain: 'global' }], details } });
const codeOf = (error: unknown, subject = { isLaunch: true }): ProviderErrorCode => classify(error, subject).code;

const rows: [number, string, ProviderErrorCode][] = [
  [403, 'rateLimitExceeded', 'Throttled'],
  [403, 'userRateLimitExceeded', 'Throttled'],
  [429, 'rateLimitExceeded', 'Throttled'],
  [429, 'somethingNew', 'Throttled'],
  [403, 'quotaExceeded', 'QuotaExceeded'],
  [403, 'forbidden', 'PermissionDenied'],
  [403, 'insufficientPermissions', 'PermissionDenied'],
  [403, 'accessNotConfigured', 'PermissionDenied'],
  [403, 'billingNotEnabled', 'PermissionDenied'],
  [401, 'authError', 'PermissionDenied'],
  [412, 'conditionNotMet', 'PermissionDenied'],
  [400, 'invalid', 'InvalidRequest'],
  [400, 'required', 'InvalidRequest'],
  [400, 'badRequest', 'InvalidRequest'],
  [400, 'parseError', 'InvalidRequest'],
  [400, 'resourceNotReady', 'Unavailable'],
  [400, 'resourceInUseByAnotherResource', 'Unavailable'],
  [409, 'alreadyExists', 'TokenSpent'],
  [404, 'notFound', 'InvalidRequest'],
  [500, 'backendError', 'Unavailable'],
  [503, 'internalError', 'Unavailable'],
  [503, 'ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS', 'InsufficientCapacity'],
];

describe('a refusal by HTTP', () => {
  test.each(rows)('a refusal of status %i and reason %s is %s', (status, reason, code) => {
    expect(codeOf(refusal(status, reason))).toBe(code);
  });

  test('an outcome is unknown where there is no answer, or none of Google’s', () => {
    expect(codeOf(sdkError(undefined, undefined))).toBe('Unavailable');
    expect(codeOf(sdkError(404, '<html>no such page</html>'), { isLaunch: false })).toBe('Unavailable');
    expect(codeOf(sdkError(403, '<html>a proxy</html>'))).toBe('Unavailable');
    expect(codeOf(sdkError(429, 'too many'))).toBe('Throttled');
    expect(codeOf('no error at all')).toBe('Unavailable');
    for (const body of [
      'null',
      '7',
      '"text"',
      '{"error":null}',
      '{"error":{"errors":{}}}',
      '{"error":{"errors":[null]}}',
    ]) {
      expect(codeOf(sdkError(400, body))).toBe('Unavailable');
    }
  });

  test('a refusal says that a machine is gone only where it names that machine', () => {
    const notFound = (path: string) => refusal(404, 'notFound', `The resource '${path}' was not found`);
    const subject = { isLaunch: false, resource: 'instances/123' };
    expect(codeOf(notFound('projects/p/zones/z/instances/123'), subject)).toBe('NotFound');
    expect(codeOf(notFound('projects/p/zones/z/instances/1234'), subject)).toBe('InvalidRequest');
    expect(codeOf(notFound('projects/p'), subject)).toBe('InvalidRequest');
    expect(codeOf(notFound('projects/p/zones/z'), subject)).toBe('InvalidRequest');
    expect(codeOf(notFound('projects/p/zones/z/instances/123'), { ...subject, isLaunch: true })).toBe('InvalidRequest');
  });

  test('a refusal by a rate limit waits for the next minute, and of concurrent operations for seconds', () => {
    const { retryAfterMs } = classify(refusal(403, 'rateLimitExceeded'), { isLaunch: true });
    expect(retryAfterMs).toBeGreaterThan(0);
    expect(retryAfterMs).toBeLessThanOrEqual(64_000);
    const details = [
      { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'CONCURRENT_OPERATIONS_QUOTA_EXCEEDED' },
    ];
    const concurrent = classify(refusal(403, 'rateLimitExceeded', 'too many operations', details), { isLaunch: true });
    expect(concurrent).toMatchObject({ code: 'Throttled', retryAfterMs: 10_000 });
    expect(concurrent.cloudCode).toBe('CONCURRENT_OPERATIONS_QUOTA_EXCEEDED');
  });

  test('a refusal for the rate of one resource holds no window: a removal is repeated later, a launch soon', () => {
    const busy = "Operation rate exceeded for resource 'projects/p/zones/z/instances/7'. Too frequent operations.";
    const removal = classify(refusal(403, 'rateLimitExceeded', busy), { isLaunch: false, resource: 'instances/7' });
    expect(removal).toMatchObject({ code: 'Unavailable', retryAfterMs: 30_000 });
    const launch = classify(refusal(403, 'rateLimitExceeded', busy), { isLaunch: true });
    expect(launch).toMatchObject({ code: 'Throttled', retryAfterMs: 10_000 });
  });

  test('a refusal shows the cloud’s words, and nothing of the request', () => {
    const error = classify(refusal(403, 'forbidden', 'Required permission'), { isLaunch: true });
    expect(error.message).toBe('forbidden: Required permission');
    expect(error.cloudCode).toBe('forbidden');
    expect(error.cause).toBeUndefined();
  });

  test('an error that is classified already stays as it is', () => {
    const error = new ProviderError({ code: 'GivenUp', message: 'over' });
    expect(classify(error, { isLaunch: true })).toBe(error);
  });
});

describe('a failed operation', () => {
  test.each([
    ['ZONE_RESOURCE_POOL_EXHAUSTED', 'InsufficientCapacity'],
    ['ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS', 'InsufficientCapacity'],
    ['RESOURCE_POOL_EXHAUSTED', 'InsufficientCapacity'],
    ['REGION_RESOURCE_POOL_EXHAUSTED', 'InsufficientCapacity'],
    ['IP_SPACE_EXHAUSTED', 'InsufficientCapacity'],
    ['IP_SPACE_EXHAUSTED_WITH_DETAILS', 'InsufficientCapacity'],
    ['RESERVATION_CAPACITY_EXCEEDED', 'InsufficientCapacity'],
    ['UNSUPPORTED_OPERATION', 'InsufficientCapacity'],
    ['QUOTA_EXCEEDED', 'QuotaExceeded'],
    ['PERMISSIONS_ERROR', 'PermissionDenied'],
    ['VM_EXTERNAL_IP_ACCESS_POLICY_CONSTRAINT', 'PermissionDenied'],
    ['CONDITION_NOT_MET', 'PermissionDenied'],
    ['INVALID_FIELD_VALUE', 'InvalidRequest'],
    ['INVALID_USAGE', 'InvalidRequest'],
    ['RESOURCE_NOT_FOUND', 'InvalidRequest'],
    ['INVALID_RESERVATION', 'InvalidRequest'],
    ['RESERVATION_NOT_FOUND', 'InvalidRequest'],
    ['RESOURCE_OPERATION_RATE_EXCEEDED', 'Throttled'],
    ['INTERNAL_ERROR', undefined],
    ['VM_MIN_COUNT_NOT_REACHED', undefined],
    ['constructor', undefined],
  ] as const)('a failed operation with %s is %s', (code, meaning) => {
    const [reason] = reasonsOf([{ code, message: 'in words' }]);
    expect(reason).toMatchObject({ cloudCode: code, message: `${code}: in words` });
    expect(reason!.code).toBe(meaning);
  });

  test('a failed operation gives one reason for each code, and the summary only where nothing else says why', () => {
    const summary = { code: 'VM_MIN_COUNT_NOT_REACHED' };
    const causes = [{ code: 'QUOTA_EXCEEDED' }, { code: 'QUOTA_EXCEEDED' }, { code: 'IP_SPACE_EXHAUSTED' }];
    expect(reasonsOf([summary, ...causes]).map(({ cloudCode }) => cloudCode)).toEqual([
      'QUOTA_EXCEEDED',
      'IP_SPACE_EXHAUSTED',
    ]);
    expect(reasonsOf([summary])).toHaveLength(1);
    expect(reasonsOf([])).toEqual([]);
  });

  test('a failed operation is no failure where the machines exist already', () => {
    expect(reasonsOf([{ code: 'RESOURCE_ALREADY_EXISTS' }])).toEqual([]);
  });

  test('a failed operation names the quota that is used up', () => {
    const quotaInfo = { metricName: 'compute.googleapis.com/cpus', limitName: 'CPUS', limit: 24 };
    const [reason] = reasonsOf([{ code: 'QUOTA_EXCEEDED', message: 'Quota.', errorDetails: [{ quotaInfo }] }]);
    expect(reason!.message).toBe('QUOTA_EXCEEDED: Quota. (compute.googleapis.com/cpus, limit 24)');
  });
});

describe('a window of calls', () => {
  test('a window of calls ends with the full minute, and not for all at the same instant', () => {
    const at = (seconds: number, random: number) => untilNextMinute(600_000_000 + seconds * 1_000, () => random);
    expect(at(0, 0)).toBe(60_500);
    expect(at(59, 0)).toBe(1_500);
    expect(at(30, 0.5)).toBe(32_000);
  });
});
