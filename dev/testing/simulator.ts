import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cpuMsOf } from './cpu-time.js';
import { PATIENCE_MS } from './patience.js';

const root = new URL('../../', import.meta.url).pathname;
const program = join(root, 'dist/simulator/main.js');

/** Flags of the simulator by their camel-case names, see `simulator/options.ts`. */
export interface SimulatorFlags {
  readonly port?: number;
  readonly stateDir?: string;
  readonly api?: string;
  readonly regions?: string;
  readonly machines?: 'on' | 'off';
  readonly limits?: 'off' | 'ec2';
  readonly leaveBy?: 'shutdown' | 'remove';
  readonly bootMs?: number;
  readonly latencyMs?: number;
  readonly listDelayMs?: number;
  readonly shutdownMs?: number;
  readonly terminatedVisibleMs?: number;
  readonly taskMs?: number;
  readonly idleMs?: number;
  readonly idleLimitMs?: number;
  readonly claimTimeoutMs?: number;
  readonly log?: string;
  readonly tlsPort?: number;
  readonly pulse?: string;
  readonly azureResourceGroups?: string;
  readonly azureLimits?: 'off' | 'arm';
  readonly azureClientSecret?: string;
  readonly azurePageSize?: number;
  readonly azureRetryAfterSeconds?: number;
  readonly azureVmCreateMs?: number;
  readonly azureVmDeleteMs?: number;
  readonly azureNetworkCreateMs?: number;
  readonly azureNetworkDeleteMs?: number;
  readonly azureDiskDeleteMs?: number;
  readonly azureDeploymentMs?: number;
  readonly googleProjects?: string;
  readonly googleZones?: string;
  readonly googleLimits?: 'off' | 'compute';
  readonly googleGhosts?: 'on' | 'off';
  readonly googleInsertMs?: number;
  readonly googleDeleteMs?: number;
  readonly googleStopMs?: number;
  readonly googleListDelayMs?: number;
  readonly googleOperationKeptMs?: number;
  readonly googleWindowMs?: number;
  readonly googleCertsMaxAgeSeconds?: number;
}

export interface LogLine {
  readonly time: string;
  readonly kind: 'ec2' | 'arm' | 'gce' | 'auth' | 'notify' | 'queue' | 'api' | 'machine';
  readonly operation: string;
  readonly outcome: string;
  readonly region?: string;
  readonly clientToken?: string | null;
  readonly parametersHash?: string;
  readonly created?: readonly string[];
  readonly terminated?: readonly string[];
  readonly tags?: Readonly<Record<string, string>>;
  readonly workerId?: string | null;
  readonly [detail: string]: unknown;
}

export interface Machine {
  readonly instanceId: string;
  /** Of Google's, whose id is a number. */
  readonly name?: string;
  /** Google: the zone. */
  readonly region: string;
  readonly state: 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped' | 'suspended';
  readonly stateReason: string | null;
  readonly registered: boolean;
  readonly workerPoolId: string | null;
  readonly clientToken: string | null;
  readonly tags: Readonly<Record<string, string>>;
}

export type FaultMode =
  | 'refuse'
  | 'hold-request'
  | 'hold-answer'
  | 'lose-request'
  | 'lose-answer'
  | 'end-machines'
  | 'fail-operation'
  | 'fail-provisioning'
  | 'stick-operation';

/** An error of Azure's, with others nested in it; of Google's one of its details. */
export interface FaultDetail {
  readonly code: string;
  readonly message: string;
  readonly details?: readonly FaultDetail[];
}

export interface FaultRequest {
  readonly operation: string;
  readonly mode: FaultMode;
  readonly id?: string;
  readonly code?: string;
  readonly status?: number;
  /** Azure and Google only, as `retryAfterSeconds`. */
  readonly details?: readonly FaultDetail[];
  readonly retryAfterSeconds?: number;
  /** Google only: how many machines of an operation fail. */
  readonly machines?: number;
  readonly times?: number;
  readonly skip?: number;
  readonly workerId?: string;
  readonly workerPoolId?: string;
  readonly region?: string;
  /** Google only: of lists those whose filter holds this text. */
  readonly filter?: string;
}

export interface FaultState {
  readonly id: string;
  readonly hits: number;
  readonly held: number;
}

export interface SimulatorState {
  readonly pools: Readonly<
    Record<
      string,
      {
        readonly pendingTasks: number;
        readonly claimedTasks: number;
        readonly completedTasks: number;
        readonly registered: number;
        readonly machines: Readonly<Record<string, number>>;
      }
    >
  >;
  readonly machines: Readonly<Record<string, number>>;
  readonly calls: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** What exists in Azure, as its API shows it; `usedBy` says what holds a resource. */
export interface AzureState {
  readonly resources: readonly {
    readonly id: string;
    readonly name: string;
    readonly type: string;
    readonly tags: Readonly<Record<string, string>>;
    readonly properties: Readonly<Record<string, unknown>>;
    readonly usedBy: string | null;
  }[];
  readonly deployments: readonly string[];
}

/** A simulator in a process of its own, with its controls. */
export class SimulatorHandle {
  readonly port: number;
  /** Null without `tlsPort` among the flags. */
  readonly tlsPort: number | null;
  readonly url: string;
  readonly pid: number;
  readonly logFile: string;
  readonly #child: ChildProcess;
  readonly #directory: string;

  constructor(
    child: ChildProcess,
    { port, tlsPort }: { port: number; tlsPort: number | null },
    logFile: string,
    directory: string,
  ) {
    this.#child = child;
    this.port = port;
    this.tlsPort = tlsPort;
    this.url = `http://127.0.0.1:${port}`;
    this.pid = child.pid ?? 0;
    this.logFile = logFile;
    this.#directory = directory;
  }

  /** What an `EC2Client` takes as its endpoint. */
  get ec2Endpoint(): string {
    return `${this.url}/ec2`;
  }

  /** What Azure's clients take as their endpoint, with `allowInsecureConnection`. */
  get azureEndpoint(): string {
    return `${this.url}/azure`;
  }

  /** PEM: what the product is to trust for attested documents, and the authority of the TLS port. */
  azureCertificates(): Promise<{ trustedRoots: string[]; trustedIntermediates: string[]; tlsCa: string }> {
    return this.control('GET', 'azure/certificates');
  }

  azureState(): Promise<AzureState> {
    return this.control('GET', 'azure/resources');
  }

  /** Operations in progress. */
  azureOperations(): Promise<{ operations: { name: string; targetId: string; method: string }[] }> {
    return this.control('GET', 'azure/operations');
  }

  /** Ends one now, as succeeded or with this code. */
  endAzureOperation(id: string, code?: string): Promise<{ ended: boolean }> {
    return this.control('POST', `azure/operations/${id}`, code === undefined ? {} : { how: 'fail', code });
  }

  /** Requests per subscription: `reads`, `writes`, `deletes`. */
  setAzureLimits(limits: { like: 'arm' } | Record<string, { burst: number; perSecond: number }>): Promise<unknown> {
    return this.control('POST', 'azure/limits', limits);
  }

  /** Takes the tags of all of Azure's resources away. */
  untagAzure(): Promise<unknown> {
    return this.control('POST', 'azure/untag', {});
  }

  setAzureClientSecret(secret: string): Promise<unknown> {
    return this.control('POST', 'azure/client-secret', { secret });
  }

  /** Lists and instance views of Azure do not know the machine for so long. */
  hideMachine(name: string, forMs: number): Promise<unknown> {
    return this.control('POST', `machines/${name}/hide`, { forMs });
  }

  /** An attested document of Azure, base64; with other facts where `facts` has any. */
  attestedDocument(name: string, facts: Record<string, unknown> = {}): Promise<{ document: string }> {
    return this.control('POST', `machines/${name}/document`, { facts });
  }

  setApi(url: string | null): Promise<unknown> {
    return this.control('POST', 'api', { url });
  }

  /**
   * Wrong counts (null: the true ones again), silence about a task queue, and how long claims of dead workers linger.
   */
  setQueue(settings: {
    taskQueueId?: string;
    counts?: { pendingTasks: number; claimedTasks: number } | null;
    silent?: boolean;
    /** Makes the instants of its workers older. */
    ageMs?: number;
    claimTimeoutMs?: number;
  }): Promise<unknown> {
    return this.control('POST', 'queue', settings);
  }

  /** Makes a client of the auth service, or another of its name. */
  setAuthClient(
    clientId: string,
    client: { accessToken: string; scopes: readonly string[]; expires?: string; disabled?: boolean },
  ): Promise<unknown> {
    return this.control('PUT', `auth/clients/${encodeURIComponent(clientId)}`, client);
  }

  removeAuthClient(clientId: string): Promise<unknown> {
    return this.control('DELETE', `auth/clients/${encodeURIComponent(clientId)}`);
  }

  setAuthRole(roleId: string, scopes: readonly string[]): Promise<unknown> {
    return this.control('PUT', `auth/roles/${encodeURIComponent(roleId)}`, { scopes });
  }

  /** Somebody who may log in, with these scopes at most. */
  setLoginUser(identity: string, scopes: readonly string[]): Promise<unknown> {
    return this.control('PUT', `auth/users/${encodeURIComponent(identity)}`, { scopes });
  }

  /** Registers a page that people may let act in their name. */
  setLoginApplication(
    applicationId: string,
    application: {
      scope: readonly string[];
      redirectUri: readonly string[];
      responseType: 'code' | 'token';
      maxExpires?: string;
    },
  ): Promise<unknown> {
    return this.control('PUT', `auth/applications/${applicationId}`, application);
  }

  /**
   * What authenticateHawk says from now on, whatever comes; null: the truth again. `repeat`: the body so many
   * times.
   */
  setAuthAnswer(answer: { status?: number; type?: string; body: string; repeat?: number } | null): Promise<unknown> {
    return this.control('POST', 'auth/answer', answer ?? {});
  }

  addTasks(taskQueueId: string, count: number, seconds?: number): Promise<{ taskIds: string[] }> {
    return this.control('POST', 'tasks', { taskQueueId, count, seconds });
  }

  /** Machines that may live at once in a region, or of one type in it; null lifts the limit. */
  setCapacity(region: string, machines: number | null, instanceType?: string): Promise<unknown> {
    return this.control('POST', 'capacity', { region, machines, instanceType });
  }

  setLimits(limits: { like: 'ec2' } | Record<string, { burst: number; perSecond: number }>): Promise<unknown> {
    return this.control('POST', 'limits', limits);
  }

  addFault(request: FaultRequest): Promise<FaultState> {
    return this.control('POST', 'faults', request);
  }

  /** Waits until the fault has struck; throws when it has not in time. */
  async faultHit(id: string, options: { hits?: number; timeoutMs?: number } = {}): Promise<FaultState> {
    const { hits = 1, timeoutMs = PATIENCE_MS } = options;
    const state = await this.control<FaultState>(
      'GET',
      `faults/${encodeURIComponent(id)}/hit?hits=${hits}&timeoutMs=${timeoutMs}`,
    );
    if (state.hits < hits) throw new Error(`fault ${id} was hit ${state.hits} of ${hits} times in ${timeoutMs} ms`);
    return state;
  }

  releaseFault(id: string, how: 'go' | 'drop' = 'go'): Promise<FaultState> {
    return this.control('POST', `faults/${encodeURIComponent(id)}/release`, { how });
  }

  /** All that were added and not cleared, those that have been released too. */
  async faults(): Promise<readonly FaultState[]> {
    return (await this.control<{ faults: FaultState[] }>('GET', 'faults')).faults;
  }

  clearFaults(): Promise<unknown> {
    return this.control('DELETE', 'faults');
  }

  async machines(): Promise<Machine[]> {
    return (await this.control<{ machines: Machine[] }>('GET', 'machines')).machines;
  }

  killMachine(instanceId: string, options: { vanish?: boolean } = {}): Promise<unknown> {
    return this.control('POST', `machines/${instanceId}/kill`, options);
  }

  /** Makes the agent in a machine do something now. */
  act(
    instanceId: string,
    what: 'register' | 'reregister' | 'should-terminate' | 'remove' | 'shut-down' | 'hang',
  ): Promise<Record<string, unknown>> {
    return this.control('POST', `machines/${instanceId}/${what}`, {});
  }

  /** A signed identity document; with other facts or another region's key where the options say so. */
  identityDocument(
    instanceId: string,
    forged: { facts?: Record<string, string>; signedIn?: string } = {},
  ): Promise<{ document: string; signature: string }> {
    return this.control('POST', `machines/${instanceId}/document`, forged);
  }

  /** The content of the product's `identityCertificates` file. */
  identityCertificates(): Promise<Record<string, { rsa: string }>> {
    return this.control('GET', 'identity-certificates');
  }

  state(): Promise<SimulatorState> {
    return this.control('GET', 'state');
  }

  reset(): Promise<unknown> {
    return this.control('POST', 'reset', {});
  }

  /** Everything logged so far. */
  log(): LogLine[] {
    const text = readFileSync(this.logFile, 'utf8');
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as LogLine);
  }

  /** CPU time of the process so far, in milliseconds (Linux). */
  cpuMs(): number {
    return cpuMsOf(this.pid);
  }

  async control<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${this.url}/simulator/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const value = (await answer.json()) as T & { message?: string };
    if (!answer.ok) throw new Error(`${method} ${path} answered with ${answer.status}: ${value.message ?? ''}`);
    return value;
  }

  /** Ends the process (its state is saved first); gives its exit code. */
  async stop(): Promise<number | null> {
    const code = await ended(this.#child, 'SIGTERM');
    rmSync(this.#directory, { recursive: true, force: true });
    return code;
  }
}

/** Starts a simulator on a free port and waits until it answers. Caller stops it. */
export async function startSimulator(flags: SimulatorFlags = {}): Promise<SimulatorHandle> {
  build();
  const directory = mkdtempSync(join(tmpdir(), 'simulator-'));
  const logFile = flags.log ?? join(directory, 'requests.jsonl');
  const values = Object.entries({ port: 0, ...flags, log: logFile }).filter(([, value]) => value !== undefined);
  const args = values.flatMap(([name, value]) => [`--${name.replace(/[A-Z]/g, '-$&').toLowerCase()}`, String(value)]);
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // The test runner's flags are for the test runner.
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const { promise, resolve, reject } = Promise.withResolvers<{ port: number; tlsPort: number | null }>();
  child.once('error', reject);
  child.once('exit', (code) => reject(new Error(`the simulator ended with ${code} before it was ready`)));
  createInterface({ input: child.stdout }).once('line', (line) =>
    resolve(JSON.parse(line) as { port: number; tlsPort: number | null }),
  );
  return new SimulatorHandle(child, await promise, logFile, directory);
}

/** Builds the simulator, and nothing else, when the build is missing or older than the sources. */
function build(): void {
  const sources = readdirSync(join(root, 'simulator'), { recursive: true, encoding: 'utf8' });
  const newest = Math.max(...sources.map((name) => statSync(join(root, 'simulator', name)).mtimeMs));
  if (existsSync(program) && statSync(program).mtimeMs >= newest) return;
  const compiler = join(root, 'node_modules/.bin/tsc');
  const { status, stdout } = spawnSync(compiler, ['-p', join(root, 'simulator/tsconfig.json')], { encoding: 'utf8' });
  if (status !== 0 || !existsSync(program)) throw new Error(`the simulator does not build:\n${stdout}`);
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.once('exit', resolve);
  child.kill(signal);
  return promise;
}
