import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Config } from '../../config/schema.js';
import type { DemandSource } from '../../domain/demand-source.js';
import type { Providers } from '../../providers/providers.js';
import type { Records } from '../../database/client/open.js';
import type { Asks } from '../../temporal/triggers.js';

/** What activities are made of; one set for a process. */
export interface ActivityDeps {
  readonly config: Config;
  readonly records: Records;
  readonly providers: Providers;
  readonly client: Client;
  readonly asks: Asks;
  readonly demand: DemandSource;
  readonly log: Logger;
}
