import type { EC2Client } from '@aws-sdk/client-ec2';
import { ProviderError } from '../errors.js';
import type { MachineRef } from '../provider.js';
import type { Ec2Calls } from './calls.js';

/** An answer takes milliseconds; without one nobody can say. */
const TIMEOUT_MS = 5_000;

/**
 * EC2 says of a machine of another account what it says of one that is gone. Throws PermissionDenied when the
 * credentials are of another account than the machine's; when nobody can say whose they are, EC2 is believed.
 */
export async function assertOurAccount(calls: Ec2Calls, region: string, { location }: MachineRef): Promise<void> {
  if (location.account === null) return;
  const account = await accountOfCredentials(calls, region);
  if (account === null || account === location.account) return;
  throw new ProviderError({
    code: 'PermissionDenied',
    message: `the machine is in account ${location.account}, and the credentials are of ${account}`,
  });
}

/** Null where there is no STS that belongs to this EC2 (an endpoint of its own), and when STS does not answer. */
async function accountOfCredentials(calls: Ec2Calls, region: string): Promise<string | null> {
  const url = calls.hasOwnEndpoint ? null : stsOf(region, process.env);
  if (!url) return null;
  try {
    return await calls.call(region, 'read', 'GetCallerIdentity', (client) => getCallerIdentity(client, region, url));
  } catch (error) {
    if (error instanceof ProviderError) return null;
    throw error;
  }
}

/** The variables are the SDK's own. */
function stsOf(region: string, env: NodeJS.ProcessEnv): URL | null {
  const own = env.AWS_ENDPOINT_URL_STS ?? env.AWS_ENDPOINT_URL;
  if (own) return URL.parse(own);
  if (env.AWS_ENDPOINT_URL_EC2) return null;
  return new URL(`https://sts.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`);
}

/** One call that needs no permission; EC2's client signs it, so that no further SDK is needed. */
async function getCallerIdentity(client: EC2Client, region: string, url: URL): Promise<string | null> {
  const signer = await client.config.signer({
    name: 'sigv4',
    signingName: 'sts',
    signingRegion: region,
    properties: {},
  });
  const { headers, body } = await signer.sign({
    method: 'POST',
    protocol: url.protocol,
    hostname: url.hostname,
    ...(url.port && { port: Number(url.port) }),
    path: '/',
    query: {},
    headers: { host: url.host, 'content-type': 'application/x-www-form-urlencoded' },
    body: 'Action=GetCallerIdentity&Version=2011-06-15',
  });
  const { host: _host, ...sent } = headers;
  const answer = await fetch(url, { method: 'POST', headers: sent, body, signal: AbortSignal.timeout(TIMEOUT_MS) });
  const text = await answer.text();
  if (!answer.ok) return null;
  return /<Account>(\d{12})<\/Account>/.exec(text)?.[1] ?? null;
}
