import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import {
  AggregateAuthenticationError,
  AuthenticationError,
  AuthenticationRequiredError,
  CredentialUnavailableError,
} from '@azure/identity';
import { RestError } from '@azure/core-rest-pipeline';
import { classify, errorCodes, classifyCode } from '../../../../providers/azure/arm/errors.js';
import { MAX_RETRY_AFTER_MS, ProviderError, providerErrorCodes } from '../../../../providers/errors.js';

const answered = (statusCode: number, code: string | undefined, message = 'words', retryAfter?: string) =>
  Object.assign(new RestError(message, { statusCode, ...(code && { code }) }), {
    response: { headers: { get: (name: string) => (name === 'retry-after' ? retryAfter : undefined) } },
  });
const named = (name: string, message: string, members: object = {}) =>
  Object.assign(new Error(message), { name, ...members });

describe('classify', () => {
  test('every error code of the table has a meaning that exists', () => {
    for (const meaning of Object.values(errorCodes)) expect(providerErrorCodes).toContain(meaning);
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
    [404, undefined, 'create', 'InvalidRequest'],
    [429, 'SubscriptionRequestsThrottled', 'read', 'Throttled'],
    [429, undefined, 'delete', 'Throttled'],
    [429, 'OperationNotAllowed', 'create', 'Throttled'],
    [429, 'QuotaExceeded', 'create', 'Throttled'],
    [429, 'AuthorizationFailed', 'read', 'Throttled'],
    [409, 'AnotherOperationInProgress', 'create', 'Unavailable'],
    [409, 'AnotherOperationInProgress', 'delete', 'Unavailable'],
    [409, 'PropertyChangeNotAllowed', 'create', 'InvalidRequest'],
    [400, 'InvalidParameter', 'create', 'InvalidRequest'],
    [400, 'NicInUse', 'delete', 'Unavailable'],
    [400, 'NicReservedForAnotherVm', 'create', 'Unavailable'],
    [500, 'InternalServerError', 'create', 'Unavailable'],
    [503, undefined, 'create', 'Unavailable'],
    [400, undefined, 'create', 'Unavailable'],
  ] as const)('the answer %i %s on %s is %s', (status, code, callClass, meaning) => {
    expect(classify(answered(status, code), callClass, true).code).toBe(meaning);
  });

  test('an answer 404 without a code of Azure’s says of nothing that it is not there', () => {
    expect(classify(answered(404, undefined), 'read', true).code).toBe('Unavailable');
    expect(classify(answered(404, undefined), 'delete', true).code).toBe('Unavailable');
  });

  test('OperationNotAllowed is about a quota only when it says so', () => {
    const quota = 'Operation could not be completed as it results in exceeding approved Total Regional Cores quota.';
    expect(classifyCode('OperationNotAllowed', quota, 409, 'create')).toBe('QuotaExceeded');
    expect(classifyCode('OperationNotAllowed', 'Another operation is in progress', 409, 'delete')).toBe('Unavailable');
    const attached = 'Disk disk-1 is attached to VM vm-1.';
    expect(classifyCode('OperationNotAllowed', 'The limit of calls is reached', 429, 'create')).toBe('Throttled');
    expect(classifyCode('OperationNotAllowed', 'The VM is being updated', 409, 'create')).toBe('Unavailable');
    expect(classifyCode('OperationNotAllowed', attached, 409, 'create')).toBe('InvalidRequest');
    expect(classifyCode('OperationNotAllowed', attached, 409, 'delete')).toBe('Unavailable');
    expect(classifyCode('AllocationFailed', 'words', 0, 'create')).toBe('InsufficientCapacity');
  });

  test('Retry-After is read in seconds or as a date', () => {
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

describe('an error that wraps others', () => {
  const refusal = (error: object, status = 400) =>
    classify(
      answered(status, 'InvalidTemplateDeployment', 'See inner errors.'),
      'create',
      true,
      JSON.stringify({ error }),
    );
  const outer = { code: 'InvalidTemplateDeployment', message: 'See inner errors for details.' };
  const sku = { code: 'SkuNotAvailable', message: 'Standard_F8s_v2 is not available in eastus.' };

  test('a nested error has the class, code and message of its innermost detail', () => {
    expect(refusal({ ...outer, details: [sku] })).toMatchObject({
      code: 'InsufficientCapacity',
      cloudCode: 'SkuNotAvailable',
      message: `SkuNotAvailable: ${sku.message}`,
    });
    const deep = { ...outer, details: [{ code: 'Conflict', message: 'words', details: [{ ...sku, details: [] }] }] };
    expect(refusal(deep, 409)).toMatchObject({ code: 'InsufficientCapacity', cloudCode: 'SkuNotAvailable' });
  });

  test('a nested error with several details has the class of the most telling one and the messages of all', () => {
    const details = [
      { code: 'BadRequest', message: 'Something is bad.' },
      { code: 'QuotaExceeded', message: 'No more cores.' },
      sku,
    ];
    const { code, cloudCode, message } = refusal({ ...outer, details });
    expect([code, cloudCode]).toEqual(['InsufficientCapacity', 'SkuNotAvailable']);
    expect(message).toBe(`SkuNotAvailable: ${sku.message}; No more cores.; Something is bad.`);
    expect(refusal({ ...outer, details: details.slice(0, 2) }).code).toBe('QuotaExceeded');
  });

  test('a nested error is read where the inner one is the text of a message', () => {
    const message = JSON.stringify({ error: { code: 'ResourceDeploymentFailure', message: 'x', details: [sku] } });
    expect(refusal({ code: 'DeploymentFailed', message })).toMatchObject({
      code: 'InsufficientCapacity',
      cloudCode: 'SkuNotAvailable',
    });
  });

  test('a nested error keeps an unknown inner code visible', () => {
    const details = [{ code: 'SomethingNew', message: 'New words.' }];
    expect(refusal({ ...outer, details })).toMatchObject({
      code: 'InvalidRequest',
      cloudCode: 'SomethingNew',
      message: 'SomethingNew: New words.',
    });
  });

  test('a nested error stays itself when its details are of no form', () => {
    for (const details of [[], null, 'text', [null, 7, [], {}], { code: 'x' }]) {
      expect(refusal({ ...outer, details })).toMatchObject({
        code: 'InvalidRequest',
        cloudCode: 'InvalidTemplateDeployment',
      });
    }
  });

  test('a nested error is read from the SDK’s own error when the text of the answer is not at hand', () => {
    const error = Object.assign(answered(400, 'InvalidTemplateDeployment'), {
      details: { error: { ...outer, details: [sku] } },
    });
    expect(classify(error, 'create', true)).toMatchObject({ cloudCode: 'SkuNotAvailable' });
  });
});

describe('codes of the forms for want of capacity and quota', () => {
  test.each([
    ['RegionalAllocationFailed', 'InsufficientCapacity'],
    ['OverconstrainedSomethingAllocationRequest', 'InsufficientCapacity'],
    ['HostCapacityNotAvailable', 'InsufficientCapacity'],
    ['InsufficientCapacityInZone', 'InsufficientCapacity'],
    ['StandardCoresQuotaExceeded', 'QuotaExceeded'],
    ['LoadBalancerCountLimitReached', 'QuotaExceeded'],
  ])('the code %s means %s under every status', (code, meaning) => {
    for (const status of [0, 400, 403, 409, 500]) expect(classifyCode(code, 'words', status, 'create')).toBe(meaning);
  });
});

test('a resource group that is being deleted rejects a creation for good and puts a removal off', () => {
  expect(classifyCode('ResourceGroupBeingDeleted', 'words', 409, 'create')).toBe('InvalidRequest');
  expect(classifyCode('ResourceGroupBeingDeleted', 'words', 409, 'delete')).toBe('Unavailable');
});

test('a Retry-After beyond five minutes is not believed', () => {
  const inTwoDays = new Date(Date.now() + 172_800_000).toUTCString();
  for (const header of ['86400', '99999999999999999999', inTwoDays]) {
    for (const [status, code] of [
      [429, 'TooManyRequests'],
      [503, undefined],
      [409, 'AnotherOperationInProgress'],
    ] as const) {
      expect(classify(answered(status, code, 'words', header), 'create', true).retryAfterMs).toBe(MAX_RETRY_AFTER_MS);
    }
  }
});

test('docs/providers.md lists every code of the table with its kind', () => {
  const page = readFileSync('docs/providers.md', 'utf8').split('\n## Azure\n')[1]!;
  for (const [cloudCode, code] of Object.entries(errorCodes)) {
    const row = page.split('\n').find((line) => line.startsWith(`| \`${code}\``));
    expect(`${code}: ${row}`).toContain(`\`${cloudCode}\``);
  }
});

describe('a request without an answer', () => {
  test('a request without an answer leaves open what happened, unless it could not be written', () => {
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

describe('a login that gives no token', () => {
  /** As handleMsalError of @azure/identity throws what MSAL's ServerError says. */
  const required = (message: string, status?: number) =>
    new AuthenticationRequiredError({
      scopes: [],
      message,
      cause: Object.assign(new Error(message), { name: 'ServerError', ...(status !== undefined && { status }) }),
    });
  const unparsed = (status: number) =>
    `server_error: Error(s): Not Available - Description: A server error occured.\nHttp status code: ${status}`;

  const answers: [Error, string][] = [
    [required('invalid_client: Error(s): 7000215 - Description: AADSTS7000215: Invalid', 401), 'PermissionDenied'],
    [required('invalid_client: AADSTS7000215: Invalid client secret provided.'), 'PermissionDenied'],
    [required('unauthorized_client', 400), 'PermissionDenied'],
    [new AuthenticationError(403, { error: 'no', error_description: 'AADSTS53003: Blocked' }), 'PermissionDenied'],
    [required(unparsed(503), 503), 'Unavailable'],
    [required(unparsed(502)), 'Unavailable'],
    [required('invalid_request: AADSTS90033: A transient error has occurred.', 400), 'Unavailable'],
    [required('server_error: AADSTS50196: a request loop', 400), 'Unavailable'],
    [required('server_error: AADSTS7000215: words', 503), 'Unavailable'],
    [required('network_error: Network request failed'), 'Unavailable'],
    [required('words'), 'Unavailable'],
    [new AuthenticationError(400, { error: 'EnvironmentCredential', error_description: unparsed(503) }), 'Unavailable'],
    [new CredentialUnavailableError('endpoints_resolution_error: cannot resolve'), 'Unavailable'],
    [required('client_error: A client error occured.\nHttp status code: 429', 429), 'Throttled'],
    [new AuthenticationError(429, 'slowly'), 'Throttled'],
    [new AggregateAuthenticationError([new CredentialUnavailableError('none')], 'none'), 'PermissionDenied'],
  ];
  test.each(answers.map(([error, meaning]) => ({ error, meaning, name: error.name, words: error.message })))(
    'a login without a token is $meaning after $name: $words',
    ({ error, meaning }) => {
      expect(classify(error, 'create', false).code).toBe(meaning);
    },
  );
});

test('an error keeps nothing of the request', () => {
  const error = Object.assign(answered(400, 'InvalidParameter'), { request: { body: 'hunter2' } });
  const classified = classify(error, 'create', true);
  expect(classified.cause).toBeUndefined();
  expect(JSON.stringify([classified, classified.message, classified.stack])).not.toContain('hunter2');
  expect(classify(classified, 'read', true)).toBe(classified);
  expect(classified).toBeInstanceOf(ProviderError);
});
