import type { Logger } from 'pino';
import type { Config } from '../../config/schema.js';
import type { Setting } from '../../config/settings.js';
import type { DemandSource } from '../../domain/demand-source.js';
import type { Providers } from '../../providers/configured.js';
import type { Database } from '../../database/client/open.js';
import type { Health } from '../../observability/health.js';
import type { TaskclusterMetrics } from '../../observability/taskcluster-metrics.js';
import type { LifecycleClient } from '../../temporal/lifecycle-client.js';
import type { HttpLimits } from './limits.js';

/** What the API needs of the process that runs it. */
export interface ApiDeps {
  readonly database: Database;
  readonly lifecycles: LifecycleClient;
  readonly providers: Providers;
  readonly config: ApiConfig;
  /** All of the configuration that people may see. */
  readonly settings: readonly Setting[];
  /**
   * Says whether a worker that registers again has claimed tasks, and what people want to know of the queue's workers.
   */
  readonly demand: Pick<DemandSource, 'worker' | 'workersPage'>;
  readonly log: Logger;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Hear of every call that was answered. */
  readonly metrics?: Pick<TaskclusterMetrics, 'onAnswer'>;
  /** What `__heartbeat__` checks. */
  readonly health: Health;
  readonly version: Version;
  /** The dashboard links to it; null where there is none. */
  readonly temporalUiUrl: string | null;
  /** Only tests set them: they do not wait for a minute. */
  readonly httpLimits?: Partial<HttpLimits>;
}

export type ApiConfig = Pick<Config, 'rootUrl' | 'server' | 'auth' | 'issuer' | 'provisioning' | 'limits'>;

/** Mozilla's Dockerflow convention. */
export interface Version {
  readonly source: string;
  readonly version: string;
  readonly commit: string;
  readonly build: string;
}
