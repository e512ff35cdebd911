import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { getJson } from './http.js';
import { files, type Ports, type Running } from './state.js';

/** Regions that the simulator has. */
export const REGIONS = ['us-east-1', 'us-east-2', 'us-west-1', 'us-west-2'];

/**
 * Writes the configuration for `worker-manager serve`. It differs from a production one in the endpoint, which is the
 * simulator's, and in shorter intervals: somebody sits before it and waits.
 */
export async function writeConfig(ports: Ports, { simulatorUrl, temporalAddress }: Running): Promise<void> {
  // The account that machines run as, as the simulator's Google knows it.
  const { uniqueId } = await getJson<{ uniqueId: string }>(`${simulatorUrl}/simulator/google/service-account`);
  const config = {
    rootUrl: simulatorUrl,
    server: { port: ports.api },
    metrics: { port: ports.metrics },
    temporal: { address: temporalAddress },
    database: { url: `pglite:${files.database}` },
    issuer: { clientId: 'worker-manager', accessToken: `\${file:${files.issuerToken}}` },
    intervals: { demandSeconds: 5, scanSeconds: 10 },
    log: { format: 'json' },
    shutdownGraceSeconds: 10,
    providers: {
      aws: {
        providerType: 'aws',
        endpoint: `${simulatorUrl}/ec2`,
        regions: REGIONS,
        identityCertificates: join(files.simulator, 'identity-certificates.json'),
      },
      azure: {
        providerType: 'azure',
        endpoint: `${simulatorUrl}/azure`,
        // The simulator takes any subscription, and has this group from the start.
        subscriptionId: '00000000-1111-2222-3333-444444444444',
        resourceGroupName: 'worker-manager',
        trustedRoots: join(files.simulator, 'azure-root.pem'),
        trustedIntermediates: join(files.simulator, 'azure-intermediate.pem'),
      },
      google: {
        providerType: 'google',
        endpoint: simulatorUrl,
        jwksUrl: `${simulatorUrl}/oauth2/v3/certs`,
        project: 'simulated-project',
        workerServiceAccountId: uniqueId,
      },
      hand: { providerType: 'static' },
    },
  };
  const heading = '# Written by npm start at every start; changes are lost.\n';
  writeFileSync(files.config, heading + stringify(config), { mode: 0o600 });
}
