import { createLog } from '../observability/log.js';
import type { Config } from '../config/schema.js';
import { buildProviders } from '../providers/registry.js';
import { temporalTarget } from '../temporal/connection.js';
import { providerContext } from '../workers/provider-context.js';
import { demandQuestions } from './check-demand.js';
import { unusablePools } from './checks.js';
import { EXIT, ExitError } from './exit.js';
import { lookAtRecords, lookAtTemporal } from './reach.js';

/** One call for each provider. */
const unlimited = { take: async () => {}, heed: async () => {} };
/** No call that reaches for a provider carries anything of the deployment. */
const noDeployment = { deploymentId: '00000000-0000-0000-0000-000000000000', deploymentKey: '' };

/**
 * The configuration is valid when this is called; here everything that it names is reached for, one line each. It only
 * looks: what `serve` would do to the database or to Temporal is said, not done.
 */
export async function checkConfig(config: Config): Promise<void> {
  let worst: number = EXIT.stopped;
  const problem = (what: string, error: unknown) => {
    worst = Math.max(worst, error instanceof ExitError ? error.code : EXIT.unreachable);
    console.log(`problem  ${what}: ${error instanceof Error ? error.message : 'failed'}`);
  };
  /** `look` gives what there is to say of what works. */
  const attempt = async <T>(what: string, look: () => Promise<T>, say: (found: T) => string = () => '') => {
    try {
      const found = await look();
      console.log(`ok       ${what}${say(found)}`);
      return found;
    } catch (error) {
      problem(what, error);
      return null;
    }
  };

  const log = createLog({ ...config.log, level: 'error' });
  const records = await attempt(
    'records',
    () => lookAtRecords(config, log),
    ({ missingMigrations: { length } }) =>
      length === 0 ? '' : `: ${length} migrations to apply; serve and migrate do`,
  );
  await attempt(
    'temporal',
    () => lookAtTemporal(temporalTarget(config.temporal)),
    (missing) => (missing.length === 0 ? '' : `: search attributes ${missing.join(', ')} to register; serve does`),
  );
  for (const { name, ask } of demandQuestions(config, records?.pools[0]?.pool.workerPoolId)) await attempt(name, ask);
  if (records) {
    const deployment = records.deployment ?? noDeployment;
    const providers = await buildProviders(config.providers, (providerId) =>
      providerContext(providerId, { config, deployment, limiter: unlimited, onCall: () => {} }),
    );
    for (const provider of providers.list()) {
      const say = (remarks: readonly string[]) => remarks.map((remark) => `: ${remark}`).join('');
      await attempt(`providers.${provider.providerId}`, () => provider.setup(), say);
    }
    for (const { workerPoolId, reason } of unusablePools(records.pools, providers)) {
      problem(`pool ${workerPoolId}`, new ExitError(EXIT.bad, `its definition would be refused now: ${reason}`));
    }
  }
  if (worst !== EXIT.stopped) throw new ExitError(worst, 'the configuration cannot be used as it is');
}
