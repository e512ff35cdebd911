import { messageOf } from '../domain/values.js';

/**
 * What can go wrong between us and a cloud, in the few kinds that callers act on. Providers translate their SDK's
 * errors into these at their border; nothing above `providers/` reads an SDK's error.
 *
 * | code                 | nothing was done? | retry the same call? | what the caller does                        |
 * |----------------------|-------------------|----------------------|---------------------------------------------|
 * | InsufficientCapacity | yes               | no                   | back off this launch config, try the next   |
 * | QuotaExceeded        | yes               | no                   | back off this launch config for longer      |
 * | PermissionDenied     | yes               | no                   | back off for longer; an operator must act   |
 * | InvalidRequest       | yes               | no                   | back off for longest; the definition is bad |
 * | NotFound             | yes               | no                   | the thing is gone                           |
 * | Throttled            | yes               | yes, after a while   | wait; never counts as "no capacity"         |
 * | Unavailable          | **unknown**       | yes                  | repeat with the same token; count as open   |
 * | TokenSpent           | **an earlier attempt acted** | no        | find what it made; never launch anew        |
 * | GivenUp              | yes               | yes, by the next attempt | end: this one is over, or had no token   |
 */
export const providerErrorCodes = [
  'InsufficientCapacity',
  'QuotaExceeded',
  'PermissionDenied',
  'InvalidRequest',
  'NotFound',
  'Throttled',
  'Unavailable',
  'TokenSpent',
  'GivenUp',
] as const;
export type ProviderErrorCode = (typeof providerErrorCodes)[number];

/** A cloud's number is a broken header beyond this: whoever waits for it can as well ask again. */
export const MAX_RETRY_AFTER_MS = 5 * 60_000;

export interface ProviderErrorDetails {
  readonly code: ProviderErrorCode;
  readonly message: string;
  /** The cloud's own code, such as `VcpuLimitExceeded`; for people and for the error's `extra`. */
  readonly cloudCode?: string;
  /** Title of the worker-pool error, when the general one would say less. */
  readonly title?: string;
  /**
   * Milliseconds before a retry can help, when the cloud or a limiter said so; MAX_RETRY_AFTER_MS at most is believed.
   */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  readonly code: ProviderErrorCode;
  readonly cloudCode: string | null;
  readonly title: string | null;
  readonly retryAfterMs: number | null;

  constructor(details: ProviderErrorDetails) {
    super(details.message, { cause: details.cause });
    this.code = details.code;
    this.cloudCode = details.cloudCode ?? null;
    this.title = details.title ?? null;
    this.retryAfterMs = details.retryAfterMs === undefined ? null : Math.min(details.retryAfterMs, MAX_RETRY_AFTER_MS);
  }

  get retryable(): boolean {
    return this.code === 'Throttled' || this.code === 'Unavailable' || this.code === 'GivenUp';
  }
}

/**
 * What all processes share of the limits could not be read, so that a call had no place and was not sent. It says
 * nothing of the cloud. `code` is that of the failure, such as the database's.
 */
export class LimitsUnreadError extends Error {
  override readonly name = 'LimitsUnreadError';
  readonly code: unknown;

  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
    this.code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  }
}

/** Why an account is suspended, where one of these codes of the cloud says that it is. */
export const suspensionIn = (
  { cloudCode, message }: ProviderError,
  codes: readonly string[],
): { readonly suspended?: string } => (cloudCode !== null && codes.includes(cloudCode) ? { suspended: message } : {});

/**
 * What a call gives, or null where the cloud says that there is no such thing (NotFound). Other errors are thrown on.
 */
export async function ignoreNotFound<Found>(reading: Promise<Found>): Promise<Found | null> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof ProviderError && error.code === 'NotFound') return null;
    throw error;
  }
}

/**
 * An identity proof that does not hold. `message` is for our log; a caller of the API learns only that the
 * proof was refused.
 */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
}
