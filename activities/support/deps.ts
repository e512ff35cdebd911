import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { AttemptLog } from './attempt-log.js';
import type { Config } from '../../config/schema.js';
import type { DemandSource } from '../../domain/demand-source.js';
import type { Providers } from '../../providers/configured.js';
import type { Database } from '../../database/client/open.js';
import type { TaskclusterMetrics } from '../../observability/taskcluster-metrics.js';
import type { SendMail } from '../mail/send-mail.js';
import type { ReconcileTriggers } from '../../temporal/triggers.js';

/** What all activities of a process share. */
export interface ActivityDeps {
  readonly config: Config;
  readonly database: Database;
  readonly providers: Providers;
  readonly client: Client;
  readonly triggers: ReconcileTriggers;
  readonly demand: DemandSource;
  /** Null: nobody gets mail. */
  readonly mail: SendMail | null;
  readonly log: Logger;
  /** Of calls that nothing else is recorded with. */
  readonly attempts: Pick<AttemptLog, 'write'>;
  /** Hear of workers' lives. */
  readonly metrics: Pick<TaskclusterMetrics, 'onRegistered' | 'onBooted' | 'onStopping' | 'onStopped'>;
}
