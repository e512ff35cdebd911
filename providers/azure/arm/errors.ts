import { ProviderError, type ProviderErrorCode } from '../../errors.js';
import type { CallClass } from '../../rate-limit.js';
import { type ArmError, errorOf, parseJson, type Telling, tellingOf } from './arm-error.js';

/**
 * What Azure Resource Manager's error codes mean for us, in answers and in operations that failed later. Sources: ARM,
 * "Resolve common deployment errors"; Compute, "Error codes" and "Troubleshoot allocation failures".
 */
export const errorCodes: Readonly<Record<string, ProviderErrorCode>> = {
  // There is none of it here now; another size, zone or location may have some.
  AllocationFailed: 'InsufficientCapacity',
  ZonalAllocationFailed: 'InsufficientCapacity',
  OverconstrainedAllocationRequest: 'InsufficientCapacity',
  OverconstrainedZonalAllocationRequest: 'InsufficientCapacity',
  SkuNotAvailable: 'InsufficientCapacity',
  SpotQuotaEvicted: 'InsufficientCapacity',
  SubnetIsFull: 'InsufficientCapacity',
  SubnetFull: 'InsufficientCapacity',

  // The subscription may not have more; `OperationNotAllowed` says so only in words, see below.
  QuotaExceeded: 'QuotaExceeded',
  ResourceQuotaExceeded: 'QuotaExceeded',
  PublicIPCountLimitReached: 'QuotaExceeded',
  PublicIpStandardSkuCountLimitReached: 'QuotaExceeded',
  NetworkInterfaceCountLimitReached: 'QuotaExceeded',
  DeploymentQuotaExceeded: 'QuotaExceeded',
  SpotQuotaExceeded: 'QuotaExceeded',
  LowPriorityQuotaExceeded: 'QuotaExceeded',

  // Credentials, roles, policies, the subscription itself: an operator must act.
  AuthenticationFailed: 'PermissionDenied',
  AuthorizationFailed: 'PermissionDenied',
  ExpiredAuthenticationToken: 'PermissionDenied',
  Forbidden: 'PermissionDenied',
  InvalidAuthenticationToken: 'PermissionDenied',
  InvalidAuthenticationTokenTenant: 'PermissionDenied',
  LinkedAuthorizationFailed: 'PermissionDenied',
  MissingSubscriptionRegistration: 'PermissionDenied',
  ReadOnlyDisabledSubscription: 'PermissionDenied',
  RequestDisallowedByPolicy: 'PermissionDenied',
  ScopeLocked: 'PermissionDenied',
  SubscriptionNotFound: 'PermissionDenied',

  // Too many calls. Never a lack of capacity.
  OperationThrottled: 'Throttled',
  ResourceRequestsThrottled: 'Throttled',
  SubscriptionRequestsThrottled: 'Throttled',
  TooManyRequests: 'Throttled',

  // Something else is going on with the resource, or something else holds it: try again.
  AnotherOperationInProgress: 'Unavailable',
  DeploymentActive: 'Unavailable',
  InUseSubnetCannotBeDeleted: 'Unavailable',
  NicInUse: 'Unavailable',
  NicReservedForAnotherVm: 'Unavailable',
  PublicIPAddressCannotBeDeleted: 'Unavailable',
  PublicIPAddressInUse: 'Unavailable',
  ReferencedResourceNotProvisioned: 'Unavailable',
  RetryableError: 'Unavailable',
  RetryableErrorDueToAnotherOperation: 'Unavailable',

  // Equal names and other properties: no repetition cures that.
  InvalidResourceLocation: 'InvalidRequest',
  InvalidResourceReference: 'InvalidRequest',
  PropertyChangeNotAllowed: 'InvalidRequest',
};

/** The subscription may create nothing, and is read as before. */
export const suspendedCodes = ['ReadOnlyDisabledSubscription'] as const;

/** Forms that mean the same under every status, and in every resource provider's words. */
const formsOfAnyStatus: readonly (readonly [RegExp, ProviderErrorCode])[] = [
  [
    /(AllocationFail(ed|ure)|AllocationRequest|SkuNotAvailable|Capacity\w*NotAvailable|CapacityExceeded)$/,
    'InsufficientCapacity',
  ],
  [/^(Overconstrained|Insufficient)\w*(Allocation|Capacity)/, 'InsufficientCapacity'],
  [/CapacityNotAvailable|NoCapacity|OutOfCapacity/, 'InsufficientCapacity'],
  [
    /(Quota\w*Exceeded|QuotaReached|QuotaExhausted|(Count|Core|Cores|Resource|Maximum)\w*Limit(Reached|Exceeded))$/,
    'QuotaExceeded',
  ],
];

/** Nothing can be created in a group that is being deleted; what is there is deleted with it. */
const GROUP_IS_DELETING = /^ResourceGroup(BeingDeleted|DeletionInProgress|IsBeingDeleted)$/;

/** When Azure does not say when to come back. */
export const THROTTLED_RETRY_MS = 5_000;
/** Operations on one resource exclude each other for seconds; a removal is in no hurry. */
export const BUSY_RETRY_MS = 2_000;
const BUSY_RETRY_DELETE_MS = 5_000;
const MAX_MESSAGE = 1_000;

/** The members that we read of an SDK's error; the SDKs have two classes of the same name. */
interface SdkError {
  readonly name: string;
  readonly message: string;
  readonly code: string | null;
  readonly status: number | null;
  readonly retryAfter: string | null;
}

/**
 * An SDK's error as a ProviderError. `sent` says whether the request had left: an error before that (no token, a
 * request that cannot be written) means that nothing was done; one after it, without an answer, leaves that open.
 * `body` is the answer's text: the SDK's errors hold less of what is nested in it. The SDK's error is not kept as the
 * cause: it holds the request, and that an administrator's password and a token.
 */
export function classify(
  error: unknown,
  callClass: CallClass,
  sent: boolean,
  body: string | null = null,
): ProviderError {
  if (error instanceof ProviderError) return error;
  const read = readError(error, body);
  if (isAboutCredentials(read.name)) return aboutCredentials(read);
  const { code: cloudCode, status, message } = read;
  if (status === null) {
    const code = !sent && !isTransport(read) ? 'InvalidRequest' : 'Unavailable';
    return new ProviderError({ code, message: `${cloudCode ?? read.name}: ${message}` });
  }
  const code = classifyCode(cloudCode, message, status, callClass);
  const retryAfterMs = retryAfter(read.retryAfter) ?? waitFor(code, status, callClass);
  return new ProviderError({
    code,
    message: `${cloudCode ?? `status ${status}`}: ${message}`,
    ...(cloudCode === null ? {} : { cloudCode }),
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  });
}

/**
 * The meaning of a code that an answer or a failed operation carries. `status` is 0 for an operation: then there was no
 * refusal, and what is not known is a failure of Azure's.
 */
export function classifyCode(
  cloudCode: string | null,
  message: string,
  status: number,
  callClass: CallClass,
): ProviderErrorCode {
  // Words of a limit on calls are no lack of quota. The network provider also answers 429 when a resource is busy.
  if (status === 429) return cloudCode?.startsWith('RetryableError') ? 'Unavailable' : 'Throttled';
  return (
    meaningInContext(cloudCode, message, callClass) ??
    codeInTable(cloudCode) ??
    meaningOfStatus(status, callClass, cloudCode !== null)
  );
}

/** Of the codes that say one thing in one context and another in another. */
function meaningInContext(
  cloudCode: string | null,
  message: string,
  callClass: CallClass,
): ProviderErrorCode | undefined {
  if (cloudCode === 'OperationNotAllowed') {
    if (/quota|limit/i.test(message)) return 'QuotaExceeded';
    // A refusal for good (a zone, a kind of disk, a subscription); but a disk is let go of only after its machine.
    if (callClass === 'create' && !isBusy(message)) return 'InvalidRequest';
  }
  if (cloudCode !== null && callClass === 'create' && GROUP_IS_DELETING.test(cloudCode)) return 'InvalidRequest';
  return undefined;
}

/** Where no code is known. An answer without Azure's form comes from something in between. */
function meaningOfStatus(status: number, callClass: CallClass, isAzuresForm: boolean): ProviderErrorCode {
  if (status === 401 || status === 403) return 'PermissionDenied';
  // A group or an image that a creation needs and that is not there is a bad definition.
  if (status === 404 && callClass === 'create') return 'InvalidRequest';
  // guard(a-proxys-404-proves-nothing): use status === 404
  if (status === 404 && isAzuresForm) return 'NotFound';
  // Another operation on the resource is in progress.
  if (status === 409) return 'Unavailable';
  if (status >= 400 && status < 500 && status !== 408 && isAzuresForm) return 'InvalidRequest';
  return 'Unavailable';
}

/** By the table, then by its form; undefined for a code that is not known. */
function codeInTable(cloudCode: string | null): ProviderErrorCode | undefined {
  if (cloudCode === null) return undefined;
  if (Object.hasOwn(errorCodes, cloudCode)) return errorCodes[cloudCode];
  return formsOfAnyStatus.find(([form]) => form.test(cloudCode))?.[1];
}

/** The most telling of the innermost errors of an answer, or of what an operation failed with. */
export const innermostOf = (error: unknown): Telling | null => tellingOf(error, classifyKnown);

const classifyKnown = ({ code, message }: ArmError): ProviderErrorCode | undefined =>
  code === 'OperationNotAllowed' ? classifyCode(code, message, 0, 'create') : codeInTable(code);

const isBusy = (message: string): boolean =>
  /in progress|in-progress|another operation|being (updated|created|deleted|deallocated)|try again|retry/i.test(
    message,
  );

function waitFor(code: ProviderErrorCode, status: number, callClass: CallClass): number | null {
  if (code === 'Throttled') return THROTTLED_RETRY_MS;
  if (code !== 'Unavailable' || status >= 500) return null;
  return callClass === 'delete' ? BUSY_RETRY_DELETE_MS : BUSY_RETRY_MS;
}

/** Seconds or a date (RFC 9110 §10.2.3), in milliseconds from now; null when there is none that can be read. */
function retryAfter(header: string | null): number | null {
  if (header === null) return null;
  if (/^\d+$/.test(header)) return Number(header) * 1_000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now());
}

/**
 * Entra's own failures, which it also answers with status 400: timeouts, retryable errors, its stores, too many
 * requests.
 */
const transientLogin = new Set(['50000', '50058', '50196', '90006', '90012', '90024', '90025', '90033', '90055']);

/**
 * Only a definite refusal is PermissionDenied, for that ends machines; an outage of Entra must not. The SDK wraps what
 * MSAL throws, and EnvironmentCredential makes a 400 of everything, so the words of an outage go first.
 * Microsoft's words name the tenant and the client, never the secret.
 */
function aboutCredentials(read: SdkError): ProviderError {
  const code = classifyLogin(read);
  return new ProviderError({
    code,
    message: `No token for Azure with the provider's credentials (clientId, secret, domain): ${read.message}`,
    cloudCode: /AADSTS\d+/.exec(read.message)?.[0] ?? read.name,
    ...(code === 'Throttled' && { retryAfterMs: THROTTLED_RETRY_MS }),
  });
}

function classifyLogin({ name, message, status: own }: SdkError): ProviderErrorCode {
  const written = /http status code: (\d{3})/i.exec(message)?.[1];
  const status = written === undefined ? own : Number(written);
  const refusal = /AADSTS(\d+)/.exec(message)?.[1];
  if (status === 429) return 'Throttled';
  if (status !== null && status >= 500) return 'Unavailable';
  if (refusal !== undefined) return transientLogin.has(refusal) ? 'Unavailable' : 'PermissionDenied';
  if (/network|endpoints_resolution|openid_config|ENOTFOUND|ECONN|ETIMEDOUT|EAI_AGAIN|socket/i.test(message)) {
    return 'Unavailable';
  }
  if (status === 400 || status === 401 || status === 403) return 'PermissionDenied';
  // No credentials are configured, and the machine has none; with a client secret these are failures of discovery,
  // above.
  return /^(CredentialUnavailable|AggregateAuthentication)Error$/.test(name) ? 'PermissionDenied' : 'Unavailable';
}

const isAboutCredentials = (name: string): boolean =>
  /^(Authentication|AggregateAuthentication|CredentialUnavailable|AuthenticationRequired)Error$/.test(name);

/** The transport's own errors; all others before a request leaves are about what was to be written. */
const isTransport = ({ name }: SdkError): boolean => name === 'RestError' || name === 'AbortError';

function readError(error: unknown, body: string | null): SdkError {
  if (!(error instanceof Error)) {
    return { name: 'Unknown', message: 'no error object', code: null, status: null, retryAfter: null };
  }
  const { code, details, statusCode, response } = error as {
    code?: unknown;
    details?: unknown;
    statusCode?: unknown;
    response?: SdkResponse;
  };
  const answered = body === null ? null : innermostOf(errorOf(parseJson(body)));
  const telling = answered ?? innermostOf(errorOf(details));
  const inner = telling?.isInner ? telling : null;
  return {
    name: error.name,
    message: (inner?.message ?? error.message).slice(0, MAX_MESSAGE),
    code: inner?.code ?? (typeof code === 'string' ? code : null),
    status: typeof statusCode === 'number' ? statusCode : statusOfCause(error.cause),
    retryAfter: retryAfterOf(response),
  };
}

const retryAfterOf = (response: SdkResponse | undefined): string | null =>
  response?.headers?.get?.('retry-after') ?? null;

/** The SDKs' answers, as far as we read them. */
interface SdkResponse {
  readonly headers?: { get?: (name: string) => string | undefined };
}

/** MSAL's ServerError, which AuthenticationRequiredError wraps, has the status of the login's answer. */
function statusOfCause(cause: unknown): number | null {
  if (!(cause instanceof Error) || !('status' in cause)) return null;
  return typeof cause.status === 'number' ? cause.status : null;
}
