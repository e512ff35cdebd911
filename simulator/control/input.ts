import { type Failure, Refusal } from '../errors.js';
import { faultModes, type FaultMode, type FaultRule } from '../faults.js';
import type { BucketSize } from '../ec2/request-limits.js';

/** Checked readings of control bodies. Each throws a Refusal that names the field. */
export type Body = Record<string, unknown>;

export function text(body: Body, name: string): string {
  const value = body[name];
  if (typeof value !== 'string' || value === '' || value.length > 1000) throw wrong(name, 'a text');
  return value;
}

export function optionalText(body: Body, name: string): string | null {
  return body[name] === undefined || body[name] === null ? null : text(body, name);
}

export function count(body: Body, name: string, otherwise?: number): number {
  const value = body[name] ?? otherwise;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) throw wrong(name, 'a whole number');
  return value;
}

export function oneOf<T extends string>(body: Body, name: string, choices: readonly T[], otherwise?: T): T {
  const value = (body[name] ?? otherwise) as T;
  if (!choices.includes(value)) throw wrong(name, `one of ${choices.join(', ')}`);
  return value;
}

export function faultRule(body: Body): Omit<FaultRule, 'id'> & { id?: string } {
  const mode = oneOf<FaultMode>(body, 'mode', faultModes);
  const code = optionalText(body, 'code') ?? 'InternalError';
  return {
    ...(body['id'] === undefined ? {} : { id: text(body, 'id') }),
    operation: text(body, 'operation'),
    mode,
    code,
    status: count(body, 'status', statusOf(code)),
    details: failures(body),
    retryAfterSeconds: body['retryAfterSeconds'] == null ? null : count(body, 'retryAfterSeconds'),
    machines: body['machines'] == null ? null : count(body, 'machines'),
    times: count(body, 'times', 1),
    skip: count(body, 'skip', 0),
    workerId: optionalText(body, 'workerId'),
    workerPoolId: optionalText(body, 'workerPoolId'),
    region: optionalText(body, 'region'),
    filter: optionalText(body, 'filter'),
  };
}

/** `details`: errors that may have others in them. */
function failures(body: Body): Failure[] {
  const details = body['details'] ?? [];
  if (!Array.isArray(details)) throw wrong('details', 'a list of errors');
  return (details as Body[]).map((detail) => {
    const inner = failures(detail);
    return {
      code: text(detail, 'code'),
      message: text(detail, 'message'),
      ...(inner.length > 0 && { details: inner }),
    };
  });
}

/**
 * The HTTP status with which the clouds give these codes: "InsufficientCapacity" and internal errors are the server's.
 */
function statusOf(code: string): number {
  if (code === 'RequestLimitExceeded' || code === 'Unavailable' || code === 'ServiceUnavailable') return 503;
  if (/^Insufficient\w*Capacity$/.test(code) || code === 'InternalError') return 500;
  if (code === 'UnauthorizedOperation') return 403;
  if (code === 'AuthFailure') return 401;
  if (code === 'TooManyRequests' || code === 'SubscriptionRequestsThrottled') return 429;
  return googleStatuses[code] ?? 400;
}

/** Of Google's reasons. */
const googleStatuses: Readonly<Record<string, number>> = {
  authError: 401,
  rateLimitExceeded: 403,
  userRateLimitExceeded: 403,
  quotaExceeded: 403,
  forbidden: 403,
  insufficientPermissions: 403,
  accessNotConfigured: 403,
  notFound: 404,
  alreadyExists: 409,
  conditionNotMet: 412,
  backendError: 503,
  ZONE_RESOURCE_POOL_EXHAUSTED: 503,
  ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS: 503,
};

/** Sizes of request buckets by action, as `--limits ec2` sets them, for tests with tighter ones. */
export function bucketSizes(body: Body): Record<string, BucketSize> {
  return Object.fromEntries(
    Object.entries(body).map(([action, size]) => {
      const { burst, perSecond } = (size ?? {}) as Record<string, unknown>;
      if (typeof burst !== 'number' || typeof perSecond !== 'number') throw wrong(action, '{burst, perSecond}');
      return [action, { burst, perSecond }];
    }),
  );
}

const wrong = (name: string, what: string): Refusal => new Refusal('InputValidationError', `${name} must be ${what}`);
