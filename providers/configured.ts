import { LimitsUnreadError, ProviderError } from './errors.js';
import { ProviderConfigError } from './shared/config-error.js';
import { nullProvider } from './null/provider.js';
import type { Provider, ProviderContext, ProviderType } from './provider.js';
import * as registry from './registry.js';
import type { ProviderConfig } from '../config/schema.js';
import { NULL_PROVIDER } from '../domain/ids.js';
import {
  afterCheck,
  afterSuspension,
  type ProviderHealth,
  type TrackedHealth,
  UNCHECKED,
} from '../domain/provider-health.js';
import { messageOf } from '../domain/values.js';

/** The configured providers. */
export interface Providers {
  /** Also `null-provider`; undefined for an id that is not configured. */
  get(providerId: string): Provider | undefined;
  /** The configured ones, in the order of the configuration; never `null-provider`. */
  list(): readonly Provider[];
  /** Health in this process. `unknown` for an id that is not configured. */
  state(providerId: string): ProviderHealth;
  /** Draining providers launch nothing. */
  isDraining(providerId: string): boolean;
  /** Checks every provider. Never throws: see `state`. */
  setup(): Promise<void>;
  /** A call to this provider was refused because its account is suspended, which a check may not notice. */
  suspended(providerId: string, message: string): void;
  /** Checks now, then every `intervalMs` (60 s), until the function it gives is called. */
  startHealthChecks(options?: { intervalMs?: number; onChange?: HealthListener }): () => void;
}

export type HealthListener = (providerId: string, health: ProviderHealth) => void;

const CHECK_INTERVAL_MS = 60_000;
const OK: ProviderHealth = { state: 'ok', message: null, since: null };

/**
 * Builds every configured provider. Pure but for the files that configurations name.
 * Throws ProviderConfigError, `key` from `providers.` on.
 */
export async function buildProviders(
  configs: Readonly<Record<string, ProviderConfig>>,
  contextOf: (providerId: string) => ProviderContext,
): Promise<Providers> {
  const providers = await Promise.all(
    Object.entries(configs).map(([providerId, config]) => build(providerId, config, contextOf(providerId))),
  );
  return providersOf(providers, (providerId) => configs[providerId]?.draining === true);
}

/** Of providers that exist already. */
export function providersOf(
  providers: readonly Provider[],
  isDraining: (providerId: string) => boolean = () => false,
): Providers {
  const byId = new Map(providers.map((provider) => [provider.providerId, provider]));
  const tracked = new Map<string, TrackedHealth>();
  const listeners = new Set<HealthListener>();
  const checking = new Set<string>();
  const healthOf = (providerId: string): TrackedHealth => tracked.get(providerId) ?? UNCHECKED;

  function enter(providerId: string, after: TrackedHealth): void {
    const before = healthOf(providerId);
    tracked.set(providerId, after);
    // Messages of failures have ids of requests in them: one line when it fails, not one a minute.
    if (after.state === before.state && (after.state === 'failed' || after.message === before.message)) return;
    const { state, message, since } = after;
    for (const listener of listeners) listener(providerId, { state, message, since });
  }

  async function check(provider: Provider): Promise<void> {
    const { providerId } = provider;
    // One that hangs is not asked twice.
    if (checking.has(providerId)) return;
    checking.add(providerId);
    try {
      const remarks = await provider.setup();
      enter(providerId, afterCheck(healthOf(providerId), { failure: null, remarks }, Date.now()));
    } catch (error) {
      // Of the cloud nothing is known then: it stays what it was.
      // guard(unread-limits-leave-a-provider-as-it-was): drop
      if (error instanceof LimitsUnreadError) return;
      const isThrottled = error instanceof ProviderError && error.code === 'Throttled';
      // A cloud that wants fewer calls can be used.
      if (isThrottled && healthOf(providerId).state === 'ok') return;
      enter(providerId, afterCheck(healthOf(providerId), { failure: messageOf(error) }, Date.now()));
    } finally {
      checking.delete(providerId);
    }
  }
  const setup = async (): Promise<void> => {
    await Promise.all(providers.map(check));
  };

  return {
    get: (providerId) => (providerId === NULL_PROVIDER ? nullProvider : byId.get(providerId)),
    list: () => providers,
    state(providerId) {
      if (providerId === NULL_PROVIDER) return OK;
      const { state, message, since } = healthOf(providerId);
      return { state, message, since };
    },
    suspended(providerId, message) {
      if (byId.has(providerId)) enter(providerId, afterSuspension(healthOf(providerId), message, Date.now()));
    },
    isDraining,
    setup,
    startHealthChecks({ intervalMs = CHECK_INTERVAL_MS, onChange } = {}) {
      if (onChange) listeners.add(onChange);
      void setup();
      const timer = setInterval(() => void setup(), intervalMs);
      timer.unref();
      return () => {
        clearInterval(timer);
        if (onChange) listeners.delete(onChange);
      };
    },
  };
}

async function build(providerId: string, config: ProviderConfig, context: ProviderContext): Promise<Provider> {
  if (providerId === NULL_PROVIDER) throw new ProviderConfigError(`providers.${providerId}`, 'this id is reserved');
  try {
    return await typeOf(config).build(config, context);
  } catch (error) {
    if (!(error instanceof ProviderConfigError)) throw error;
    throw new ProviderConfigError(`providers.${providerId}.${error.key}`, error.message);
  }
}

/** As in ProviderType. */
export const accountOf = (config: ProviderConfig): string | null => typeOf(config).account(config);

/**
 * The budgets of calls that configured providers draw on, the first part of rate-limit buckets: providers that are
 * known to be of one account share its limits (ARCHITECTURE.md#cloud-limits); any other provider has one of its own.
 */
export const budgetsOf =
  (configs: Readonly<Record<string, ProviderConfig>>) =>
  (providerId: string): string => {
    const config = configs[providerId];
    return (config && typeOf(config).budget(config)) ?? providerId;
  };

/** Every type of provider that there is, by the `providerType` of configurations. */
export const providerTypes: Readonly<Record<string, ProviderType>> = registry;

function typeOf({ providerType }: ProviderConfig): ProviderType {
  const type = Object.hasOwn(providerTypes, providerType) ? providerTypes[providerType] : undefined;
  if (type) return type;
  throw new ProviderConfigError('providerType', `must be one of ${Object.keys(providerTypes).join(', ')}`);
}
