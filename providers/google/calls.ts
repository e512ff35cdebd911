import { assertMaySend, untilGivenUp } from '../shared/call-scope.js';
import { parseEndpoint } from '../shared/endpoint.js';
import { inTime } from '../shared/in-time.js';
import { endOf, takePlace } from '../shared/reported-call.js';
import { ProviderError, suspensionIn } from '../errors.js';
import type { ProviderContext } from '../provider.js';
import type { CallClass, CallLimit, CloudCall } from '../rate-limit.js';
import { readCredentials } from './credentials.js';
import { classify, type CallSubject, isOfOneResource, suspendedCodes } from './errors.js';
import { bodyOf, type GoogleSdk, once, openSdk, type ServiceName } from './sdk.js';
import type { GoogleProviderConfig } from './config.js';
import { messageOf } from '../../domain/values.js';

/**
 * Compute Engine's usual quota is 1,500 calls a minute of a project, region and kind; insertions and deletions share
 * one. A bucket stays within it when its burst and sixty seconds of its rate do.
 */
export const defaultLimits: Readonly<Record<CallClass, CallLimit>> = {
  read: { burst: 600, perSecond: 15 },
  create: { burst: 60, perSecond: 4 },
  delete: { burst: 600, perSecond: 10 },
};

const REQUEST_TIMEOUT_MS = 30_000;
/** A token comes in a second; Google's library waits for it without an end. */
const TOKEN_TIMEOUT_MS = 30_000;

/** One request. */
export interface ComputeCall extends Partial<CallSubject> {
  readonly service: ServiceName;
  readonly method: string;
  readonly callClass: CallClass;
  /** Null: all of them. */
  readonly zone: string | null;
  readonly request: object;
  /** Members of the answer that are wanted; all where it is left out. The SDK knows no parameter for it. */
  readonly fields?: string;
}

/**
 * The one way to Compute Engine: takes a place with the limiter, sends once, turns errors into ProviderErrors and
 * reports. The SDK is opened at the first call, and anew after a failure.
 */
export class ComputeCalls {
  readonly project: string;
  private readonly config: GoogleProviderConfig;
  private readonly context: ProviderContext;
  private readonly endpoint: ReturnType<typeof parseEndpoint>;
  private readonly credentials: ReturnType<typeof readCredentials>;
  private readonly tokenTimeoutMs: number;
  private sdk: Promise<GoogleSdk> | null = null;

  /** Throws ProviderConfigError. */
  constructor(config: GoogleProviderConfig, context: ProviderContext, tokenTimeoutMs = TOKEN_TIMEOUT_MS) {
    this.project = config.project;
    this.config = config;
    this.context = context;
    this.endpoint = parseEndpoint(config.endpoint);
    this.credentials = readCredentials(config.creds);
    this.tokenTimeoutMs = tokenTimeoutMs;
  }

  /** Gives the answer's body. Throws ProviderError only. */
  async call(call: ComputeCall): Promise<unknown> {
    const { service, method, callClass, zone, request, fields } = call;
    const headers: Record<string, string> = fields === undefined ? {} : { 'x-goog-fieldmask': fields };
    const place = zone === null ? {} : { zone };
    return await this.limited(`${service}.${method}`, callClass, zone, async ({ clients }) => {
      const send = clients[service].innerApiCalls[method]!;
      try {
        return bodyOf(await send({ project: this.project, ...place, ...request }, once(REQUEST_TIMEOUT_MS, headers)));
      } catch (error) {
        throw classify(error, { isLaunch: callClass === 'create', ...call });
      }
    });
  }

  /** A read of another API of Google's, in JSON; `origin` unless the configuration has an endpoint of its own. */
  async read(operation: string, origin: string, path: string): Promise<{ status: number; body: unknown }> {
    const base = this.endpoint?.url ?? origin;
    return await this.limited(operation, 'read', null, async ({ authorize }) => {
      const headers = await authorize();
      const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
      try {
        const answer = await fetch(new URL(path, base), { headers, signal });
        return { status: answer.status, body: await answer.json().catch(() => null) };
      } catch (error) {
        throw new ProviderError({ code: 'Unavailable', message: `${operation}: ${shortMessageOf(error)}` });
      }
    });
  }

  private async limited<Output>(
    operation: string,
    callClass: CallClass,
    zone: string | null,
    send: (sdk: GoogleSdk) => Promise<Output>,
  ): Promise<Output> {
    const region = zone === null ? null : regionOf(zone);
    const call: CloudCall = { providerId: this.context.providerId, operation, callClass, region };
    const limit = this.config.rateLimits?.[callClass] ?? defaultLimits[callClass];
    const waitedMs = await takePlace(this.context.limiter, call, limit);
    const begunAt = performance.now();
    const report = (answer: unknown, error: ProviderError | null) => {
      const suspension = error ? suspensionIn(error, suspendedCodes) : {};
      const end = { ...endOf(error), requestId: callClass === 'read' ? null : operationOf(answer), ...suspension };
      this.context.onCall(call, { ...end, durationMs: performance.now() - begunAt, waitedMs });
    };
    try {
      const sdk = await untilGivenUp(this.ready());
      if (callClass !== 'read') assertMaySend();
      const output = await (callClass === 'read' ? untilGivenUp(send(sdk)) : send(sdk));
      report(output, null);
      return output;
    } catch (error) {
      const classified = classify(error, { isLaunch: callClass === 'create' });
      report(null, classified);
      const { code, retryAfterMs } = classified;
      // The window is everybody's: no call goes out before it ends.
      const isOfWindow = code === 'Throttled' && !isOfOneResource(classified);
      if (isOfWindow) await this.context.limiter.reportQuota(call, limit, { remaining: null, retryAfterMs });
      throw classified;
    }
  }

  /** Open, and with a token: whatever fails here was not sent. */
  private async ready(): Promise<GoogleSdk> {
    const { project, endpoint, credentials } = this;
    this.sdk ??= openSdk({ project, endpoint, credentials });
    const opening = this.sdk;
    const authorized = opening.then(async (sdk) => {
      await sdk.authorize();
      return sdk;
    });
    try {
      return await inTime(authorized, this.tokenTimeoutMs, () => noToken(this.tokenTimeoutMs));
    } catch (error) {
      // The library would let later calls wait for the same token.
      if (this.sdk === opening) this.sdk = null;
      throw error instanceof ProviderError ? error : unauthorized(error);
    }
  }
}

const noToken = (timeoutMs: number): Error =>
  Object.assign(new Error(`no answer within ${timeoutMs / 1_000} s`), { code: 'ETIMEDOUT' });

/** Google's library says nothing but a status of what its token address answered; without one, that gave no answer. */
function unauthorized(error: unknown): ProviderError {
  const { status, code } = Object(error) as { status?: unknown; code?: unknown };
  const isNetwork = typeof code === 'string' && /^(ECONN|ENOTFOUND|EAI_|ETIMEDOUT|EHOST|ENET|EPIPE|UND_ERR)/.test(code);
  const isOutage = isNetwork || (typeof status === 'number' && (status >= 500 || status === 429));
  return new ProviderError({
    code: isOutage ? 'GivenUp' : 'PermissionDenied',
    message: `No credentials for Google: ${shortMessageOf(error)}`,
  });
}

const shortMessageOf = (error: unknown): string => messageOf(error).slice(0, 500);

/** Google names no call that it refuses; what it takes is an operation with a name. */
function operationOf(answer: unknown): string | null {
  const { name } = Object(answer) as { name?: unknown };
  return typeof name === 'string' ? name : null;
}

/** A zone is its region and a letter. */
export const regionOf = (zone: string): string => zone.replace(/-[^-]+$/, '');
