import { createRequire } from 'node:module';
import type { Endpoint } from '../shared/endpoint.js';
import type { GoogleCredentials } from './credentials.js';
import { computeTypes } from './descriptor.js';

/**
 * The one place where Google's SDK is touched. It is loaded at first need: a process without a Google provider has none
 * of it. Its type declarations (960,000 lines) are left alone; what is used of it is declared here, and a test makes
 * every call with it.
 *
 * Only `innerApiCalls` are used. The public methods parse the whole description anew for each error with details,
 * blocking the process for up to three seconds, and throw a second time outside the caller's promise when credentials
 * fail. They exist once `initialize()` has resolved; a client whose `initialize()` was rejected stays broken.
 */

type Answer = readonly [unknown, unknown?, unknown?];
type ApiCall = (request: object, options: object) => Promise<Answer>;

interface SdkClient {
  initialize(): Promise<unknown>;
  readonly innerApiCalls: Readonly<Record<string, ApiCall>>;
}

/** What signs requests: Google's auth library, as the SDK brings it along. */
interface AuthClient {
  getRequestHeaders(): Promise<Headers>;
}

type ClientClass = new (options: object) => SdkClient;

/** Covers Compute Engine, and the read of the service account. */
const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
const CLIENTS = '@google-cloud/compute/build/src/v1/';

export type ServiceName = 'disks' | 'instances' | 'zoneOperations';

export interface GoogleSdk {
  readonly clients: Readonly<Record<ServiceName, SdkClient>>;
  /**
   * Headers that authorize a request. Rejects when credentials are not good, or Google's token address is out of reach.
   */
  readonly authorize: () => Promise<Headers>;
}

export interface SdkOptions {
  readonly project: string;
  readonly endpoint: Endpoint | null;
  readonly credentials: GoogleCredentials | null;
}

/** Rejects when there are no credentials. */
export async function openSdk(options: SdkOptions): Promise<GoogleSdk> {
  // Before the SDK makes classes of all that it describes.
  computeTypes();
  const load = createRequire(import.meta.url);
  const { DisksClient } = load(`${CLIENTS}disks_client.js`) as { DisksClient: ClientClass };
  const { InstancesClient } = load(`${CLIENTS}instances_client.js`) as { InstancesClient: ClientClass };
  const { ZoneOperationsClient } = load(`${CLIENTS}zone_operations_client.js`) as { ZoneOperationsClient: ClientClass };
  const authClient = await authClientOf(load, options);
  const settings = { fallback: true, projectId: options.project, authClient, ...addressOf(options.endpoint) };
  const clients = {
    disks: new DisksClient(settings),
    instances: new InstancesClient(settings),
    zoneOperations: new ZoneOperationsClient(settings),
  };
  await Promise.all(Object.values(clients).map((client) => client.initialize()));
  return { clients, authorize: () => authClient.getRequestHeaders() };
}

interface AuthLibrary {
  readonly JWT: new (options: object) => AuthClient;
  readonly UserRefreshClient: new (options: object) => AuthClient;
  readonly AwsClient: new (options: object) => AuthClient;
  readonly PluggableAuthClient: new (options: object) => AuthClient;
  readonly IdentityPoolClient: new (options: object) => AuthClient;
  readonly PassThroughClient: new () => AuthClient;
}

/** An emulator gets no credentials; without any, Google's own chain is used. */
async function authClientOf(load: NodeJS.Require, { project, endpoint, credentials }: SdkOptions): Promise<AuthClient> {
  const { GoogleAuth, googleAuthLibrary: library } = load('google-gax') as {
    GoogleAuth: new (options: object) => { getClient(): Promise<AuthClient> };
    googleAuthLibrary: AuthLibrary;
  };
  const scopes = [SCOPE];
  if (endpoint?.isEmulator) return new library.PassThroughClient();
  // Without the project the chain searches for one: by a program of Google's, or by an API that need not be on.
  if (!credentials) return await new GoogleAuth({ scopes, projectId: project }).getClient();
  return clientOf(library, credentials, scopes);
}

/** Of the types that `credentials.ts` takes: the library's ways for any type warn that nobody has checked it. */
function clientOf(library: AuthLibrary, credentials: GoogleCredentials, scopes: readonly string[]): AuthClient {
  const { type, client_email, private_key, private_key_id, client_id, client_secret, refresh_token } = credentials;
  if (type === 'service_account') {
    return new library.JWT({ email: client_email, key: private_key, keyId: private_key_id, scopes });
  }
  if (type === 'authorized_user') {
    return new library.UserRefreshClient({
      clientId: client_id,
      clientSecret: client_secret,
      refreshToken: refresh_token,
    });
  }
  const { environment_id, executable } = Object(credentials.credential_source) as Record<string, unknown>;
  const { AwsClient, PluggableAuthClient, IdentityPoolClient } = library;
  const Client = environment_id ? AwsClient : executable ? PluggableAuthClient : IdentityPoolClient;
  return new Client({ ...credentials, scopes });
}

function addressOf(endpoint: Endpoint | null): object {
  if (!endpoint) return {};
  const { hostname, port, protocol } = new URL(endpoint.url);
  const name = protocol.replace(':', '');
  return { apiEndpoint: hostname, port: Number(port || (name === 'https' ? 443 : 80)), protocol: name };
}

/** One request and no more: the SDK's own repeats would hide attempts, and hold a call for ten minutes. */
export const once = (timeoutMs: number, headers: Readonly<Record<string, string>> = {}): object => ({
  retry: null,
  timeout: timeoutMs,
  autoPaginate: false,
  otherArgs: { headers },
});

/** An answer's body. Of lists the SDK gives the items, the next request and then the whole page. */
export const bodyOf = ([first, , page]: Answer): unknown => page ?? first;
