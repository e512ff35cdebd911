import { createLog } from '../observability/log.js';
import type { Config, ProviderConfig } from '../config/schema.js';
import { ProviderConfigError } from '../providers/shared/config-error.js';
import type { Provider } from '../providers/provider.js';
import { buildProviders, providersOf } from '../providers/configured.js';
import { TASK_PENDING_EXCHANGE } from '../domain/messages.js';
import type { DatabaseState } from '../database/client/open.js';
import { temporalTarget } from '../temporal/connection.js';
import { providerContext } from '../providers/context.js';
import { authQuestions } from './check-auth.js';
import { Broker, brokerUrl } from '../workers/pulse/broker.js';
import { demandQuestions, OptionalError } from './check-demand.js';
import { notifyQuestions } from './check-notify.js';
import { machineProblems, namespaceProblems, prefixProblems, unusablePools } from './checks.js';
import { EXIT, ExitError } from './exit.js';
import { inspectTemporal, readDatabase, type TemporalState } from './connect.js';

/** One call for each provider. */
const unlimited = { acquire: async () => {}, reportQuota: async () => {} };
/** No call that reaches for a provider carries anything of the deployment. */
const noDeployment = { deploymentId: '00000000-0000-0000-0000-000000000000', deploymentKey: '' };

/**
 * The configuration is valid when this is called; here everything that it names is reached for, one line each, whatever
 * became of the others. Nothing is changed: what `serve` would do to the database or to Temporal is said, not done.
 */
export async function checkConfig(config: Config): Promise<void> {
  const findings = new Findings();
  const log = createLog({ ...config.log, level: 'error' });
  const database = await findings.attempt(
    'database',
    () => readDatabase(config, log),
    ({ missingMigrations: { length } }) =>
      length === 0 ? '' : `: ${length} migrations to apply; serve and migrate do`,
  );
  const temporal = await findings.attempt(
    'temporal',
    () => inspectTemporal(temporalTarget(config.temporal)),
    ({ missingAttributes: missing }) =>
      missing.length === 0 ? '' : `: search attributes ${missing.join(', ')} to register; serve does`,
  );
  const questions = [
    ...authQuestions(config),
    ...demandQuestions(config, database?.pools[0]?.pool.workerPoolId),
    ...notifyQuestions(config),
  ];
  for (const { name, check } of questions) await findings.attempt(name, check);
  const { pulse } = config;
  if (pulse) await findings.attempt('pulse', () => reachBroker(pulse), unheard);
  const providers = await reachProviders(config, database, findings);
  for (const line of refusalsOfServe(config, database, temporal)) findings.problem(line);
  for (const { workerPoolId, reason } of unusablePools(database?.pools ?? [], providersOf(providers))) {
    findings.problem(`pool ${workerPoolId}: its definition would be refused now: ${reason}`);
  }
  findings.conclude();
}

/** Signs in, and declares nothing. Gives whether the queue publishes there. */
async function reachBroker(pulse: NonNullable<Config['pulse']>): Promise<boolean> {
  const broker = await Broker.open(brokerUrl(pulse));
  try {
    return await broker.hasExchange(TASK_PENDING_EXCHANGE);
  } finally {
    await broker.close();
  }
}

const unheard = (isThere: boolean): string =>
  isThere ? '' : `: ${TASK_PENDING_EXCHANGE} is not there; until the queue has declared it polls alone find new tasks`;

/** Gives those that can be built. */
async function reachProviders(
  config: Config,
  database: DatabaseState | null,
  findings: Findings,
): Promise<readonly Provider[]> {
  const deployment = database?.deployment ?? noDeployment;
  const context = (providerId: string) =>
    providerContext(providerId, { rootUrl: config.rootUrl, deployment, limiter: unlimited, onCall: () => {} });
  const built: Provider[] = [];
  for (const [providerId, provider] of Object.entries(config.providers)) {
    const say = (remarks: readonly string[]) => remarks.map((remark) => `: ${remark}`).join('');
    const setUp = async () => {
      const one = await buildOne(providerId, provider, context);
      built.push(one);
      return await one.setup();
    };
    await findings.attempt(`providers.${providerId}`, setUp, say);
  }
  return built;
}

async function buildOne(
  providerId: string,
  provider: ProviderConfig,
  context: Parameters<typeof buildProviders>[1],
): Promise<Provider> {
  try {
    const [one] = (await buildProviders({ [providerId]: provider }, context)).list();
    return one as Provider;
  } catch (error) {
    if (!(error instanceof ProviderConfigError)) throw error;
    const key = error.key.replace(`providers.${providerId}.`, '');
    throw new ExitError(EXIT.bad, `${key}: ${error.message}`);
  }
}

/** For what reasons `serve` would not begin, as far as could be read. */
function refusalsOfServe(config: Config, database: DatabaseState | null, temporal: TemporalState | null): string[] {
  const deployment = database?.deployment ?? null;
  const ofTemporal = temporal &&
    database && [
      ...namespaceProblems(temporal.namespace, temporal.owner, deployment?.deploymentId ?? null),
      ...(deployment ? prefixProblems(deployment, config.temporal.taskQueuePrefix, temporal.openLifecycles) : []),
    ];
  const ofMachines = database && machineProblems(config, database.liveWorkers, database.accounts);
  return [...(ofTemporal ?? []), ...(ofMachines ?? [])];
}

/** One line each on standard output, and the worst exit code. */
class Findings {
  #worst: number = EXIT.stopped;

  /** `work` gives what `say` needs to say something of what works. Gives null when it fails. */
  async attempt<T>(what: string, work: () => Promise<T>, say: (found: T) => string = () => ''): Promise<T | null> {
    try {
      const found = await work();
      console.log(`ok       ${what}${say(found)}`);
      return found;
    } catch (error) {
      if (error instanceof OptionalError) return this.#warn(`${what}: ${error.message}`);
      const code = error instanceof ExitError ? error.code : EXIT.unreachable;
      this.problem(`${what}: ${error instanceof Error ? error.message : 'failed'}`, code);
      return null;
    }
  }

  /** The configuration can be used as it is. */
  #warn(line: string): null {
    console.log(`warning  ${line}`);
    return null;
  }

  problem(line: string, code: number = EXIT.bad): void {
    this.#worst = Math.max(this.#worst, code);
    console.log(`problem  ${line}`);
  }

  conclude(): void {
    if (this.#worst === EXIT.stopped) return;
    throw new ExitError(this.#worst, 'the configuration cannot be used as it is');
  }
}
