import { AsyncLocalStorage } from 'node:async_hooks';
import { ComputeManagementClient } from '@azure/arm-compute';
import { NetworkManagementClient } from '@azure/arm-network';
import { DeploymentsClient } from '@azure/arm-resourcesdeployments';
import {
  bearerTokenAuthenticationPolicyName,
  createDefaultHttpClient,
  createPipelineRequest,
  type HttpHeaders,
  type Pipeline,
  type PipelinePolicy,
  RestError,
} from '@azure/core-rest-pipeline';
import { ClientSecretCredential, DefaultAzureCredential, type TokenCredential } from '@azure/identity';
import type { AzureProviderConfig } from '../config.js';
import { assertMaySend, untilGivenUp } from '../../shared/call-scope.js';
import { type Endpoint, parseEndpoint } from '../../shared/endpoint.js';
import { inTime } from '../../shared/in-time.js';
import { endOf, takePlace } from '../../shared/reported-call.js';
import { ProviderError, suspensionIn } from '../../errors.js';
import type { ProviderContext } from '../../provider.js';
import type { CallClass, CallLimit, CloudCall } from '../../rate-limit.js';
import { parseJson } from './arm-error.js';
import { classify, suspendedCodes } from './errors.js';
import { lowestRemaining, readQuota, remainingOf } from './quota.js';

/**
 * Azure Resource Manager's buckets for a subscription and principal ("Understand how Azure Resource Manager throttles
 * requests": 250 and 25 a second, 200 and 10, 200 and 10), less the reserve: while nobody else draws on them, it is
 * untouched.
 */
export const defaultLimits: Readonly<Record<CallClass, CallLimit>> = {
  read: { burst: 237, perSecond: 25 },
  create: { burst: 190, perSecond: 10 },
  delete: { burst: 190, perSecond: 10 },
};

/** A twentieth of Azure's bucket is no part of our limit, and so a nineteenth of that. */
const RESERVE = 1 / 19;

/**
 * Calls of Azure's bucket that we do not mean to use: when it sinks below them, others draw on it, and we make room
 * before Azure refuses a call of theirs or ours.
 */
const reserveOf = ({ burst }: CallLimit): number => Math.floor(burst * RESERVE);

const REQUEST_TIMEOUT_MS = 60_000;
/** A login answers within a second or two; the SDK's own wait for it has no end. */
const TOKEN_TIMEOUT_MS = 30_000;
const PUBLIC_ENDPOINT = 'https://management.azure.com';

export interface AzureClients {
  readonly compute: ComputeManagementClient;
  readonly network: NetworkManagementClient;
  readonly deployments: DeploymentsClient;
}

/** One request without a client of the SDK, for what the clients do not offer: `path` from `/subscriptions` on. */
export interface RawRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  /** With its `api-version`. */
  readonly path: string;
  readonly body?: unknown;
}

/** What became of the one request of a call. */
interface Exchange {
  /** Whether the call changes something: then its attempt is asked at the last moment before the request leaves. */
  readonly changes: boolean;
  sent: boolean;
  status: number | null;
  headers: HttpHeaders | null;
  /** Of a refusal. */
  refusal: string | null;
}

/**
 * The one way to Azure Resource Manager: takes a place with the limiter, sends once (the SDK's own retries are off,
 * because the caller must know of every attempt), turns errors into ProviderErrors and reports. One set of clients for
 * each subscription, because rows may be older than the configuration.
 */
export class AzureCalls {
  private readonly bySubscription = new Map<string, AzureClients>();
  private readonly config: AzureProviderConfig;
  private readonly context: ProviderContext;
  private readonly endpoint: Endpoint | null;
  private readonly credential: TokenCredential;
  private readonly http = createDefaultHttpClient();

  constructor(config: AzureProviderConfig, context: ProviderContext) {
    this.config = config;
    this.context = context;
    this.endpoint = parseEndpoint(config.endpoint);
    this.credential = this.endpoint?.isEmulator ? noToken : boundedCredential(credentialOf(config));
  }

  /** `send` must make exactly one request with the clients of this subscription. Throws ProviderError only. */
  async call<Output>(
    subscriptionId: string | null,
    callClass: CallClass,
    operation: string,
    send: (clients: AzureClients) => Promise<Output>,
  ): Promise<Output> {
    return (await this.exchange(subscriptionId, callClass, operation, send)).output;
  }

  /**
   * As `call`, for what begins a long-running operation: gives the path at which Azure tells of it
   * (`Azure-AsyncOperation`, else `Location`), null when there is nothing to wait for. `send` must not wait for the
   * operation: `poller.submitted()`.
   */
  async begin(
    subscriptionId: string | null,
    callClass: CallClass,
    operation: string,
    send: (clients: AzureClients) => Promise<unknown>,
  ): Promise<string | null> {
    const { headers } = await this.exchange(subscriptionId, callClass, operation, send);
    const address = headers?.get('azure-asyncoperation') ?? headers?.get('location');
    return address === undefined ? null : this.pathOf(address);
  }

  /** One request in JSON; gives the answer's body. */
  raw(subscriptionId: string | null, callClass: CallClass, operation: string, raw: RawRequest): Promise<unknown> {
    return this.call(subscriptionId, callClass, operation, (clients) => this.sendRaw(clients, raw));
  }

  private async sendRaw({ compute }: AzureClients, raw: RawRequest): Promise<unknown> {
    const request = createPipelineRequest({
      method: raw.method,
      url: this.base() + raw.path,
      allowInsecureConnection: this.endpoint?.isEmulator === true,
      ...(raw.body === undefined ? {} : { body: JSON.stringify(raw.body) }),
    });
    request.headers.set('accept', 'application/json');
    if (raw.body !== undefined) request.headers.set('content-type', 'application/json');
    const response = await compute.pipeline.sendRequest(this.http, request);
    const body = parseJson(response.bodyAsText ?? '');
    if (response.status < 400) return body;
    const { code, message = `status ${response.status}` } =
      (body as { error?: { code?: string; message?: string } } | null)?.error ?? {};
    throw new RestError(message, { statusCode: response.status, response, ...(code === undefined ? {} : { code }) });
  }

  private async exchange<Output>(
    subscriptionId: string | null,
    callClass: CallClass,
    operation: string,
    send: (clients: AzureClients) => Promise<Output>,
  ): Promise<{ output: Output; headers: HttpHeaders | null }> {
    if (subscriptionId === null)
      throw new ProviderError({ code: 'InvalidRequest', message: `${operation}: no subscription is known` });
    // Limits are per subscription; a call's region only tells buckets apart.
    const call: CloudCall = {
      providerId: this.context.providerId,
      operation,
      callClass,
      region: subscriptionId === this.config.subscriptionId ? null : subscriptionId,
    };
    const limit = this.config.rateLimits?.[callClass] ?? defaultLimits[callClass];
    const waitedMs = await takePlace(this.context.limiter, call, limit);
    const begunAt = performance.now();
    const exchange: Exchange = {
      changes: callClass !== 'read',
      sent: false,
      status: null,
      headers: null,
      refusal: null,
    };
    const report = async (error: ProviderError | null) => {
      const quota = readQuota(exchange.headers ?? []);
      // Machines may be in other subscriptions than the one that launches.
      const suspension = error && call.region === null ? suspensionIn(error, suspendedCodes) : {};
      const end = { ...endOf(error), requestId: requestIdOf(exchange.headers), remaining: quota, ...suspension };
      this.context.onCall(call, { ...end, durationMs: performance.now() - begunAt, waitedMs });
      const refused = exchange.status === 429 && error?.code === 'Throttled';
      const remaining = refused ? lowestRemaining(quota) : remainingOf(quota, callClass);
      await this.context.limiter.reportQuota(call, limit, {
        remaining: remaining === null ? null : remaining - reserveOf(limit),
        retryAfterMs: refused ? pauseAfter(error, remainingOf(quota, callClass)) : null,
      });
    };
    try {
      const sending = exchanges.run(exchange, () => send(this.clients(subscriptionId)));
      const output = await (exchange.changes ? sending : untilGivenUp(sending));
      await report(null);
      return { output, headers: exchange.headers };
    } catch (error) {
      const classified = classify(error, callClass, exchange.sent, exchange.refusal);
      await report(classified);
      throw classified;
    }
  }

  private clients(subscriptionId: string): AzureClients {
    const existing = this.bySubscription.get(subscriptionId);
    if (existing) return existing;
    const options = {
      retryOptions: { maxRetries: 0 },
      ...(this.endpoint === null ? {} : { endpoint: this.base() }),
      ...(this.endpoint?.isEmulator ? { allowInsecureConnection: true } : {}),
    };
    const clients = {
      compute: new ComputeManagementClient(this.credential, subscriptionId, options),
      network: new NetworkManagementClient(this.credential, subscriptionId, options),
      deployments: new DeploymentsClient(this.credential, subscriptionId, options),
    };
    for (const { pipeline } of Object.values(clients) as { pipeline: Pipeline }[]) {
      // The policy refuses plain http whatever the options say, and an emulator wants no token.
      if (this.endpoint?.isEmulator) pipeline.removePolicy({ name: bearerTokenAuthenticationPolicyName });
      pipeline.addPolicy(noteExchange, { afterPhase: 'Sign' });
    }
    this.bySubscription.set(subscriptionId, clients);
    return clients;
  }

  private base(): string {
    return (this.endpoint?.url ?? PUBLIC_ENDPOINT).replace(/\/$/, '');
  }

  /** An address of Azure's as a path from `/subscriptions` on: a token must not send us to another host. */
  pathOf(address: string): string {
    const { pathname, search } = new URL(address, this.base());
    const prefix = new URL(this.base()).pathname.replace(/\/$/, '');
    return (pathname.startsWith(prefix) ? pathname.slice(prefix.length) : pathname) + search;
  }
}

/** A resource provider's limits are those of some operations or one resource: the others wait no longer than this. */
const MAX_PAUSE_OF_OTHERS_MS = 30_000;

/** How long no call of the class is sent after this refusal; `left` in Resource Manager's own bucket. */
function pauseAfter({ cloudCode, retryAfterMs }: ProviderError, left: number | null): number | null {
  const isOfSubscription = cloudCode === 'SubscriptionRequestsThrottled' || left === 0;
  return retryAfterMs === null || isOfSubscription ? retryAfterMs : Math.min(retryAfterMs, MAX_PAUSE_OF_OTHERS_MS);
}

/** Azure's names of a call: of the service that answered, or of all that the call led to. */
const requestIdOf = (headers: HttpHeaders | null): string | null =>
  headers?.get('x-ms-request-id') ?? headers?.get('x-ms-correlation-request-id') ?? null;

const exchanges = new AsyncLocalStorage<Exchange>();

/** Notes for the call in progress that its request has left, and what the answer's headers say. */
const noteExchange: PipelinePolicy = {
  name: 'noteExchange',
  async sendRequest(request, next) {
    request.timeout = REQUEST_TIMEOUT_MS;
    const exchange = exchanges.getStore();
    if (exchange?.changes) assertMaySend();
    if (exchange) exchange.sent = true;
    const response = await next(request);
    if (exchange) {
      exchange.status = response.status;
      exchange.headers = response.headers;
      if (response.status >= 400) exchange.refusal = response.bodyAsText ?? null;
    }
    return response;
  },
};

const noToken: TokenCredential = {
  getToken: async () => ({ token: 'emulator', expiresOnTimestamp: Date.now() + 3_600_000 }),
};

/** The same tokens; one that does not come in time leaves its call unsent and unavailable. */
export const boundedCredential = (credential: TokenCredential, timeoutMs = TOKEN_TIMEOUT_MS): TokenCredential => ({
  async getToken(scopes, options) {
    const message = `No token for Azure: no answer within ${timeoutMs / 1_000} s`;
    const late = () => new ProviderError({ code: 'Unavailable', message });
    return await inTime(credential.getToken(scopes, options), timeoutMs, late);
  },
});

/** The three of the configuration, or the SDK's own chain (workload identity, managed identity, environment). */
function credentialOf({ clientId, secret, domain, authorityHost }: AzureProviderConfig): TokenCredential {
  // The SDK's retries would wait as long as a login's `Retry-After` says.
  const retryOptions = { maxRetries: 0 };
  // Another authority's metadata are its own business; Microsoft's directory of authorities does not know it.
  const authority = authorityHost === null ? {} : { authorityHost, disableInstanceDiscovery: true };
  if (clientId === undefined || secret === undefined || domain === undefined) {
    return new DefaultAzureCredential({ ...(authorityHost === null ? {} : { authorityHost }), retryOptions });
  }
  return new ClientSecretCredential(domain, clientId, secret, { ...authority, retryOptions });
}
