import { ProviderError, type ProviderErrorCode } from '../errors.js';

/**
 * What EC2's error codes mean for us. EC2 uses HTTP statuses loosely (no capacity comes as 500), so the code decides
 * first, then its form, then the status. Source: EC2 API reference, "Error codes for the Amazon EC2 API".
 */
export const errorCodes: Readonly<Record<string, ProviderErrorCode>> = {
  // There is none of it here now; another type, zone or subnet may have some. See also the forms below.
  SpotMaxPriceTooLow: 'InsufficientCapacity',

  // Credentials, policies, subscriptions: an operator must act.
  AccessDenied: 'PermissionDenied',
  AccessDeniedException: 'PermissionDenied',
  AuthFailure: 'PermissionDenied',
  Blocked: 'PermissionDenied',
  ExpiredToken: 'PermissionDenied',
  IncompleteSignature: 'PermissionDenied',
  InvalidClientTokenId: 'PermissionDenied',
  MissingAuthenticationToken: 'PermissionDenied',
  OperationNotPermitted: 'PermissionDenied',
  OptInRequired: 'PermissionDenied',
  PendingVerification: 'PermissionDenied',
  RequestExpired: 'PermissionDenied',
  SignatureDoesNotMatch: 'PermissionDenied',
  UnauthorizedOperation: 'PermissionDenied',
  UnrecognizedClientException: 'PermissionDenied',

  // Too many calls. Never a lack of capacity.
  RequestLimitExceeded: 'Throttled',
  BandwidthLimitExceeded: 'Throttled',
  EC2ThrottledException: 'Throttled',
  RequestThrottled: 'Throttled',
  RequestThrottledException: 'Throttled',
  SlowDown: 'Throttled',
  Throttling: 'Throttled',
  ThrottlingException: 'Throttled',
  TooManyRequestsException: 'Throttled',

  // An earlier attempt with this token did something; only a search by token can tell what.
  IdempotentParameterMismatch: 'TokenSpent',
  IdempotentInstanceTerminated: 'TokenSpent',

  // EC2 had a fault; it may have acted all the same.
  InternalError: 'Unavailable',
  InternalFailure: 'Unavailable',
  RequestTimeout: 'Unavailable',
  ServiceUnavailable: 'Unavailable',
  ServiceUnavailableException: 'Unavailable',
  Unavailable: 'Unavailable',

  // Only a machine's own id can be "not found"; a missing image, subnet or group is a bad definition.
  'InvalidInstanceID.NotFound': 'NotFound',

  DryRunOperation: 'InvalidRequest',
  TagLimitExceeded: 'InvalidRequest',
};

/** The account may launch nothing, whatever it may read. */
export const suspendedCodes = ['Blocked'] as const;

/** Forms that mean the same under every status: EC2 refuses for want of capacity with 400 and with 500. */
const formsOfAnyStatus: readonly (readonly [RegExp, ProviderErrorCode])[] = [
  [/^(Insufficient\w*(Capacity|Addresses)|Unfulfillable)/, 'InsufficientCapacity'],
  [/CapacityExceeded$/, 'InsufficientCapacity'],
  [/(Rate|Requests)Exceeded$/, 'Throttled'],
  // The account may not have more.
  [/(Limit|Count|Quota)Exceeded$/, 'QuotaExceeded'],
];

/** Forms of a refusal, below status 500. */
const forms: readonly (readonly [RegExp, ProviderErrorCode])[] = [
  [/^(Invalid|Malformed|Missing|Unknown|Unsupported)\w/, 'InvalidRequest'],
  [/^Unsupported$/, 'InvalidRequest'],
  [/\.(NotFound|Malformed|Duplicate)$/, 'InvalidRequest'],
];

/** EC2 does not say when to come back; its buckets refill every second, and ours should have prevented this. */
export const THROTTLED_RETRY_MS = 5_000;
const MAX_MESSAGE = 1_000;

interface SdkError {
  readonly name: string;
  readonly message: string;
  readonly status: number | null;
}

/**
 * An SDK's error as a ProviderError. `sent` says whether the request had left: an error before that (no credentials, a
 * request that cannot be written) means that nothing was done; one after it, without an answer, leaves that open.
 */
export function classify(error: unknown, sent: boolean): ProviderError {
  if (error instanceof ProviderError) return error;
  const { name, message, status } = read(error);
  const code = status === null ? withoutAnswer(name, sent) : classifyCode(name, status);
  return new ProviderError({
    code,
    message: `${name}: ${message}`,
    cloudCode: name,
    ...(code === 'Throttled' ? { retryAfterMs: THROTTLED_RETRY_MS } : {}),
    cause: error,
  });
}

function classifyCode(name: string, status: number): ProviderErrorCode {
  const known = Object.hasOwn(errorCodes, name) ? errorCodes[name] : undefined;
  if (known) return known;
  for (const [form, code] of formsOfAnyStatus) if (form.test(name)) return code;
  if (status === 429) return 'Throttled';
  if (status >= 500 || status === 408) return 'Unavailable';
  for (const [form, code] of forms) if (form.test(name)) return code;
  // The SDK calls an answer that it cannot read `Unknown`: a proxy's page, perhaps. EC2's own refusals all have a code.
  return status >= 400 && status < 500 && name !== 'Unknown' && name !== 'Error' ? 'InvalidRequest' : 'Unavailable';
}

function withoutAnswer(name: string, sent: boolean): ProviderErrorCode {
  if (sent) return 'Unavailable';
  if (name === 'TypeError' || name === 'RangeError') return 'InvalidRequest';
  return /Credentials|Token/.test(name) ? 'PermissionDenied' : 'Unavailable';
}

function read(error: unknown): SdkError {
  if (!(error instanceof Error)) return { name: 'Unknown', message: 'no error object', status: null };
  const metadata = '$metadata' in error ? (error.$metadata as { httpStatusCode?: number } | undefined) : undefined;
  // UnauthorizedOperation carries a kilobyte that only an administrator of the account can decode.
  const message = error.message.replace(/\s*Encoded authorization failure message:.*/s, '').slice(0, MAX_MESSAGE);
  return { name: error.name, message, status: metadata?.httpStatusCode ?? null };
}
