import { AsyncLocalStorage } from 'node:async_hooks';
import { EC2Client } from '@aws-sdk/client-ec2';
import { assertMaySend, untilGivenUp } from '../shared/call-scope.js';
import { parseEndpoint } from '../shared/endpoint.js';
import { endOf, takePlace } from '../shared/reported-call.js';
import { ProviderError, suspensionIn } from '../errors.js';
import type { ProviderContext } from '../provider.js';
import type { CallClass, CallLimit, CloudCall } from '../rate-limit.js';
import type { AwsProviderConfig } from './config.js';
import { classify, suspendedCodes } from './errors.js';

/** EC2's usual request limits for an account and region (EC2 API reference, "Request throttling"). */
export const defaultLimits: Readonly<Record<CallClass, CallLimit>> = {
  create: { burst: 5, perSecond: 2 },
  read: { burst: 100, perSecond: 20 },
  delete: { burst: 100, perSecond: 5 },
};

/** A connection that takes longer than this is not coming. */
const CONNECTION_TIMEOUT_MS = 5_000;
/** A RunInstances of hundreds of machines takes tens of seconds; nothing takes a minute. */
const REQUEST_TIMEOUT_MS = 60_000;

/**
 * The one way to EC2: takes a place with the limiter, sends once (the SDK's own retries are off, because the caller
 * must know of every attempt), turns errors into ProviderErrors and reports. One client for each region, made when
 * first needed.
 */
export class Ec2Calls {
  private readonly clients = new Map<string, EC2Client>();
  private readonly config: AwsProviderConfig;
  private readonly context: ProviderContext;
  private readonly endpoint: ReturnType<typeof parseEndpoint>;

  constructor(config: AwsProviderConfig, context: ProviderContext) {
    this.config = config;
    this.context = context;
    this.endpoint = parseEndpoint(config.endpoint);
  }

  /** Whether EC2 is somewhere else than at Amazon. */
  get hasOwnEndpoint(): boolean {
    return this.endpoint !== null;
  }

  /** `send` is given the region's client and must make exactly one request with it. Throws ProviderError only. */
  async call<Output>(
    region: string | null,
    callClass: CallClass,
    operation: string,
    send: (client: EC2Client) => Promise<Output>,
  ): Promise<Output> {
    if (region === null)
      throw new ProviderError({ code: 'InvalidRequest', message: `${operation}: no region is known` });
    const call: CloudCall = { providerId: this.context.providerId, operation, callClass, region };
    const limit = this.config.rateLimits?.[callClass] ?? defaultLimits[callClass];
    const waitedMs = await takePlace(this.context.limiter, call, limit);
    const begunAt = performance.now();
    const report = (answer: unknown, error: ProviderError | null) => {
      const suspension = error ? suspensionIn(error, suspendedCodes) : {};
      const end = { ...endOf(error), requestId: requestIdOf(answer), ...suspension };
      this.context.onCall(call, { ...end, durationMs: performance.now() - begunAt, waitedMs });
    };
    try {
      const client = this.client(region);
      const output = await (callClass === 'read' ? untilGivenUp(send(client)) : changing.run(true, () => send(client)));
      report(output, null);
      return output;
    } catch (error) {
      const classified = classify(error, !unsent.has(error as object));
      report(error, classified);
      throw classified;
    }
  }

  private client(region: string): EC2Client {
    const existing = this.clients.get(region);
    if (existing) return existing;
    const credentials = this.endpoint?.isEmulator
      ? { accessKeyId: 'emulator', secretAccessKey: 'emulator' }
      : this.config.credentials;
    const client = new EC2Client({
      region,
      maxAttempts: 1,
      requestHandler: {
        connectionTimeout: CONNECTION_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        throwOnRequestTimeout: true,
      },
      ...(this.endpoint ? { endpoint: this.endpoint.url } : {}),
      ...(credentials ? { credentials } : {}),
    });
    markUnsent(client);
    this.clients.set(region, client);
    return client;
  }
}

/** EC2's name of the call, which its answers and its refusals hold alike. */
const requestIdOf = (answer: unknown): string | null =>
  (Object(answer) as { $metadata?: { requestId?: string } }).$metadata?.requestId ?? null;

/**
 * Whether the call in progress changes something: then its attempt is asked at the last moment before the request
 * leaves.
 */
const changing = new AsyncLocalStorage<boolean>();

/** Errors of requests that never left: no credentials, or a definition that cannot be written as a request. */
const unsent = new WeakSet<object>();

function markUnsent(client: EC2Client): void {
  const left = new WeakSet<object>();
  client.middlewareStack.add(
    (next, context) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        if (!left.has(context) && error instanceof Error) unsent.add(error);
        throw error;
      }
    },
    { step: 'initialize', priority: 'high', name: 'markUnsent' },
  );
  client.middlewareStack.add(
    (next, context) => (args) => {
      if (changing.getStore()) assertMaySend();
      left.add(context);
      return next(args);
    },
    { step: 'deserialize', priority: 'low', name: 'noteSending' },
  );
}
