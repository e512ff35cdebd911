import { ProviderError, type ProviderErrorCode } from '../errors.js';
import { untilNextMinute } from './minute-window.js';

/** What a refusal's body says (Google APIs, "Errors"); the SDK leaves the reason out of its error. */
export interface Refusal {
  /** Null where no answer came. */
  readonly status: number | null;
  /** `errors[0].reason`; null in a body that is none of Google's. */
  readonly reason: string | null;
  /** `reason` of an ErrorInfo among the details: finer, and rarely there. */
  readonly detail: string | null;
  readonly message: string;
}

/** What a call was about. */
export interface CallSubject {
  readonly isLaunch: boolean;
  /** How a 404 names the resource itself, such as `instances/123`: only then it says that there is no such thing. */
  readonly resource?: string;
}

/** Concurrent operations, also on one resource, end within seconds; a window of calls only with the minute. */
const CONCURRENCY_RETRY_MS = 10_000;
/** For a removal of what another operation works on: mostly that removes it, which takes a minute and a half. */
const BUSY_RETRY_MS = 30_000;
const MAX_MESSAGE_LENGTH = 1_000;

/** The project may do nothing, or only read. */
export const suspendedCodes = ['BILLING_DISABLED', 'CONSUMER_SUSPENDED'] as const;

/** By reason, whatever the status. */
const codeOfReason: ReadonlyMap<string, ProviderErrorCode> = new Map([
  ['rateLimitExceeded', 'Throttled'],
  ['userRateLimitExceeded', 'Throttled'],
  ['quotaExceeded', 'QuotaExceeded'],
  ['conditionNotMet', 'PermissionDenied'],
  ['resourceNotReady', 'Unavailable'],
  ['resourceInUseByAnotherResource', 'Unavailable'],
  // The names are taken: an earlier attempt did something.
  ['alreadyExists', 'TokenSpent'],
]);

/**
 * Whether it is for the rate of one resource: somebody's operation on a machine goes on, or an image is in much use.
 * That says nothing of the window of calls.
 */
export const isOfOneResource = ({ message }: { readonly message: string }): boolean =>
  /\brate exceeded for resource\b/i.test(message);

const isStockOut = (text: string): boolean => /\b(ZONE_|REGION_)?RESOURCE_POOL_EXHAUSTED/.test(text);

/** An SDK's error as a ProviderError. */
export function classify(error: unknown, subject: CallSubject): ProviderError {
  if (error instanceof ProviderError) return error;
  const refusal = readRefusal(error);
  const code = codeOf(refusal, subject);
  const { reason, detail, message } = refusal;
  const cloudCode = detail ?? reason;
  return new ProviderError({
    code,
    message: (cloudCode === null ? message : `${cloudCode}: ${message}`).slice(0, MAX_MESSAGE_LENGTH),
    ...(cloudCode === null ? {} : { cloudCode }),
    ...retryAfter(refusal, code),
  });
}

function codeOf(refusal: Refusal, { isLaunch, resource }: CallSubject): ProviderErrorCode {
  const { status, reason, detail, message } = refusal;
  if (status === null || reason === null) return status === 429 ? 'Throttled' : 'Unavailable';
  if (isStockOut(`${reason} ${detail ?? ''} ${message}`)) return 'InsufficientCapacity';
  if (status === 404) return codeOfNotFound(message, isLaunch, resource);
  if (isOfOneResource(refusal) && !isLaunch) return 'Unavailable';
  return codeOfReason.get(reason) ?? codeOfStatus(status);
}

function codeOfStatus(status: number): ProviderErrorCode {
  if (status === 429) return 'Throttled';
  if (status >= 500 || status === 408) return 'Unavailable';
  return status === 401 || status === 403 || status === 412 ? 'PermissionDenied' : 'InvalidRequest';
}

/** Of a project, a zone or an image it proves nothing of a machine. */
function codeOfNotFound(message: string, isLaunch: boolean, resource: string | undefined): ProviderErrorCode {
  if (isLaunch || resource === undefined) return 'InvalidRequest';
  const paths = message.split(/[^\w./-]+/);
  // guard(a-404-names-the-machine): true
  if (paths.some((path) => path.endsWith(`/${resource}`))) return 'NotFound';
  return 'InvalidRequest';
}

function retryAfter(refusal: Refusal, code: ProviderErrorCode): { retryAfterMs?: number } {
  const isBusy = isOfOneResource(refusal);
  if (code !== 'Throttled') return isBusy ? { retryAfterMs: BUSY_RETRY_MS } : {};
  const isShort = isBusy || refusal.detail === 'CONCURRENT_OPERATIONS_QUOTA_EXCEEDED';
  return { retryAfterMs: isShort ? CONCURRENCY_RETRY_MS : untilNextMinute(Date.now()) };
}

/** gax keeps the body as it came under this symbol. */
const RAW_BODY = Symbol.for('google-gax.rawHttpResponsePayload');

interface SdkError {
  readonly httpStatusCode?: unknown;
  readonly [RAW_BODY]?: unknown;
}

interface ErrorBody {
  readonly error?: {
    readonly message?: unknown;
    readonly errors?: readonly { readonly reason?: unknown }[];
    readonly details?: readonly { readonly reason?: unknown }[];
  };
}

/** Of the SDK's error only this is read: the rest of it holds the request, and with it the machine's metadata. */
function readRefusal(error: unknown): Refusal {
  const none = { reason: null, detail: null };
  if (!(error instanceof Error)) return { status: null, ...none, message: 'no error object' };
  const { httpStatusCode, [RAW_BODY]: raw } = error as SdkError;
  const status = typeof httpStatusCode === 'number' ? httpStatusCode : null;
  const body = parse(raw)?.error;
  if (!body) return { status, ...none, message: error.message };
  return {
    status,
    reason: firstReason(body.errors),
    detail: firstReason(body.details),
    message: textOf(body.message) ?? error.message,
  };
}

const firstReason = (entries: readonly { readonly reason?: unknown }[] | undefined): string | null =>
  Array.isArray(entries) ? (entries.map((one) => textOf(one?.reason)).find(Boolean) ?? null) : null;

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

function parse(raw: unknown): ErrorBody | null {
  try {
    const value: unknown = typeof raw === 'string' ? JSON.parse(raw) : raw;
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}
