import { createLog } from '../observability/log.js';
import type { Config } from '../config/schema.js';
import { buildProviders } from '../providers/registry.js';
import { temporalTarget } from '../temporal/connection.js';
import { providerContext } from '../workers/provider-context.js';
import { EXIT, ExitError } from './exit.js';
import { reachRecords, reachTemporal } from './reach.js';

/** One call for each provider. */
const unlimited = { take: async () => {} };

/** The configuration is valid when this is called; here everything that it names is reached for, one line each. */
export async function checkConfig(config: Config): Promise<void> {
  let worst: number = EXIT.stopped;
  const report = (what: string, problem: Error | null) => {
    if (problem === null) return console.log(`ok       ${what}`);
    worst = Math.max(worst, problem instanceof ExitError ? problem.code : EXIT.unreachable);
    console.log(`problem  ${what}: ${problem.message}`);
  };
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T | null> => {
    try {
      const result = await work();
      report(what, null);
      return result;
    } catch (error) {
      report(what, error instanceof Error ? error : new Error('failed'));
      return null;
    }
  };

  const records = await attempt('records', () => reachRecords(config, createLog({ ...config.log, level: 'error' })));
  const client = await attempt('temporal', () => reachTemporal(temporalTarget(config.temporal)));
  if (records) {
    const providers = buildProviders(config.providers, (providerId) =>
      providerContext(providerId, { config, deployment: records.deployment, limiter: unlimited, onCall: () => {} }),
    );
    for (const provider of providers.list()) await attempt(`providers.${provider.providerId}`, () => provider.setup());
  }
  for (const [providerId, provider] of Object.entries(config.providers)) {
    if (provider.providerType !== 'aws' || provider.identityCertificates !== null) continue;
    report(
      `providers.${providerId}.identityCertificates`,
      new ExitError(
        EXIT.bad,
        'not set, so registrations are refused; docs/how-to/aws-identity-certificates.md says how to make the file',
      ),
    );
  }
  await client?.connection.close();
  await records?.close();
  if (worst !== EXIT.stopped) throw new ExitError(worst, 'the configuration cannot be used as it is');
}
