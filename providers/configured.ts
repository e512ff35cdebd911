import { ProviderConfigError } from './shared/config-error.js';
import { nullProvider } from './null/provider.js';
import type { Provider, ProviderContext, ProviderType } from './provider.js';
import * as registry from './registry.js';
import type { ProviderConfig } from '../config/schema.js';
import { NULL_PROVIDER } from '../domain/ids.js';
import { messageOf } from '../domain/values.js';

/** `failed`: its last setup failed; it is tried again. `unknown`: not set up yet. */
export interface ProviderHealth {
  readonly state: 'ok' | 'failed' | 'unknown';
  /** For the log: why it failed, or what of it works only in part. Null when there is nothing to say. */
  readonly message: string | null;
}

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
  /** Sets up every provider that is not `ok` yet. Never throws: see `state`. */
  setup(): Promise<void>;
  /**
   * Sets up now, then repeats for those that failed every `intervalMs` (60 s), until the function it gives is called.
   */
  startHealthChecks(options?: { intervalMs?: number; onChange?: HealthListener }): () => void;
}

export type HealthListener = (providerId: string, health: ProviderHealth) => void;

const RETRY_SETUP_MS = 60_000;
const UNKNOWN: ProviderHealth = { state: 'unknown', message: null };
const OK: ProviderHealth = { state: 'ok', message: null };

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
  const health = new Map<string, ProviderHealth>();
  const listeners = new Set<HealthListener>();

  async function setUp(provider: Provider): Promise<void> {
    const before = health.get(provider.providerId) ?? UNKNOWN;
    if (before.state === 'ok') return;
    const after = await provider.setup().then(
      (remarks): ProviderHealth => (remarks.length === 0 ? OK : { state: 'ok', message: remarks.join('; ') }),
      (error: unknown): ProviderHealth => ({
        state: 'failed',
        message: messageOf(error),
      }),
    );
    health.set(provider.providerId, after);
    if (after.state !== before.state || after.message !== before.message) {
      for (const listener of listeners) listener(provider.providerId, after);
    }
  }
  const setup = async (): Promise<void> => {
    await Promise.all(providers.map(setUp));
  };

  return {
    get: (providerId) => (providerId === NULL_PROVIDER ? nullProvider : byId.get(providerId)),
    list: () => providers,
    state: (providerId) => (providerId === NULL_PROVIDER ? OK : (health.get(providerId) ?? UNKNOWN)),
    isDraining,
    setup,
    startHealthChecks({ intervalMs = RETRY_SETUP_MS, onChange } = {}) {
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
