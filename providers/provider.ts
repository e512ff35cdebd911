import type { TSchema } from 'typebox';
import type { Problem } from '../config/problems.js';
import type { ProviderConfig } from '../config/schema.js';
import type { EndCause } from '../domain/backoff.js';
import type { MachineState } from '../domain/machine.js';
import type { MachineLocation, Worker } from '../domain/worker.js';
import type { LaunchConfiguration, PoolConfig } from '../domain/worker-pool.js';
import type { ProviderErrorCode } from './errors.js';
import type { CloudCall, Limiter } from './rate-limit.js';

/**
 * The contract of a provider: everything the rest of the system knows about a cloud. The comments are the
 * specification; `test/support/provider-contract.ts` holds every provider to it.
 *
 * Rules for all of it:
 * - A provider keeps no state about machines. It may be built many times, in many processes.
 * - Every call to the cloud first takes its place with `context.limiter` and reports to `context.onCall`.
 * - Failures are `ProviderError`s of `errors.ts`; whatever cannot be classified is `Unavailable`, because then we do
 *   not know whether the cloud acted.
 * - Requests and answers may travel through a workflow's history only as ids and numbers; nothing here returns a
 *   secret.
 * - A pool leaves nothing in a cloud but its machines (and what belongs to each), so there is no call to take a pool
 *   away: when the last machine is gone, so is the pool.
 */
export interface Provider {
  readonly providerId: string;
  readonly providerType: string;
  /** How machines come to be; null when nobody can create them on demand (static). */
  readonly launching: BulkLaunching | StepwiseLaunching | null;
  /** How machines are read and deleted; null when there is no cloud behind them (static). */
  readonly machines: Machines | null;
  /** What people call the steps of `launching` and `machines`; one that is not here is called by its name. */
  readonly stepLabels?: Readonly<Record<string, string>>;

  /**
   * Reaches for the cloud once: credentials, regions. Throws a ProviderError; the caller marks the provider unhealthy
   * and tries again later. Called before anything else, and again after a failure. A part that cannot be reached (one
   * region of many) is no failure: it comes back as a remark, in words, and launches there fail by themselves. Nothing
   * that registers or removes a machine depends on this call.
   */
  setup(): Promise<readonly string[]>;

  /**
   * Checks a pool definition against this type's schema (launch configs included) and fills in the schema's defaults.
   * Pure. Gives the definition with defaults, or what is wrong with it, in words for an operator. What the cloud would
   * refuse at every launch, and what would outlive its machine or prevent its removal, is wrong too. With `pool`
   * everything that ends up in a request is checked: the request's size, the owner as a tag.
   */
  validatePool(
    config: unknown,
    pool?: PoolOwner,
  ): { ok: true; config: PoolConfig; launchConfigs: LaunchConfiguration[] } | { ok: false; reason: string };

  /**
   * Whether this proof shows that its bearer is the machine of this row. Compares signed facts with the row's, never
   * with anything else the bearer says. Resolves when it does; throws IdentityError when not. `nowMs` is the API's
   * clock; proofs are judged with ± 5 minutes.
   */
  verifyIdentity(worker: Worker, proof: IdentityProof, nowMs: number): Promise<void>;
}

/** `workerIdentityProof` of registerWorker, already within its size limit; each provider takes its own fields. */
export interface IdentityProof {
  readonly document?: string;
  readonly signature?: string;
  readonly token?: string;
  readonly staticSecret?: string;
}

/** Whose machines they are; both end up in requests. */
export interface PoolOwner {
  readonly workerPoolId: string;
  readonly owner: string;
}

/** What a launch is prepared from. Everything that ends up in the request is here, so that preparing it is pure. */
export interface LaunchSpec {
  /** Unique for ever, ≤ 64 ASCII characters; the cloud's idempotency token and a tag of every resource. */
  readonly token: string;
  readonly workerPoolId: string;
  readonly owner: string;
  readonly launchConfigId: string;
  readonly configuration: LaunchConfiguration;
  /** Machines, ≥ 1 and ≤ `maxPerLaunch`. */
  readonly count: number;
}

/** A launch as it was first written down. Two attempts send byte-equal requests; it is never rendered again. */
export interface PreparedLaunch {
  readonly token: string;
  readonly count: number;
  readonly location: MachineLocation;
  /** The cloud's request as JSON; opaque outside its provider. */
  readonly request: unknown;
}

/** A machine that a launch created, or (stepwise) will create. */
export interface LaunchedMachine {
  readonly workerGroup: string;
  readonly workerId: string;
  readonly location: MachineLocation;
  /** What an identity proof will be compared with. */
  readonly identityAttributes: Readonly<Record<string, string | null>>;
}

/** What a launch in bulk came to. */
export interface LaunchedMachines {
  readonly machines: readonly LaunchedMachine[];
  /**
   * Why there are fewer than the launch requested, a reason for each of the cloud's codes. Empty where it gives none,
   * or none is missing; never empty where there is no machine.
   */
  readonly shortfall: readonly ProviderErrorReason[];
}

/** What is known of a launch whose attempts are over. */
export interface FoundMachines extends LaunchedMachines {
  /**
   * The cloud says that it has ended: no attempt creates anything more, and every machine is listed. Fewer than the
   * launch requested is then no doubt.
   */
  readonly isSettled: boolean;
}

/** Clouds that create many machines in one call (AWS, Google). */
export interface BulkLaunching {
  readonly kind: 'bulk';
  readonly maxPerLaunch: number;
  /** For so long after the first attempt the cloud is certain to know a token: an older launch is only searched for. */
  readonly maxTokenAgeMs: number;
  /**
   * Pure. Throws ProviderError(InvalidRequest) when the launch can never be sent, such as user data that is too long.
   */
  prepare(spec: LaunchSpec): PreparedLaunch;
  /**
   * Creates as many machines as there is capacity for, `count` at most, and gives those that it created when that is
   * final. **Idempotent by token**: repeated, it creates nothing new and gives the machines of the first time. One call
   * that creates, never retried inside, because the caller must know of every attempt; then reads, until the cloud has
   * said what it did. Throws TokenSpent when the cloud knows the token and will not say what it created. Once a
   * creation was accepted, whatever fails is Unavailable: other codes say that this attempt has done nothing.
   */
  submit(launch: PreparedLaunch): Promise<LaunchedMachines>;
  /**
   * Every machine that exists with this launch's token, and those that ended as far as the cloud still shows them: what
   * became of an attempt that got no answer. Complete, or throws, as it does while the cloud says that it goes on.
   * Clouds list new machines late, so what is not settled proves something only minutes after the attempt.
   */
  find(launch: PreparedLaunch): Promise<FoundMachines>;
}

/** Clouds where each machine is built from several resources, one operation after another (Azure). */
export interface StepwiseLaunching {
  readonly kind: 'stepwise';
  readonly maxPerLaunch: number;
  /** Pure, as in BulkLaunching. */
  prepare(spec: LaunchSpec): PreparedLaunch;
  /** Pure: the machines of a launch, `count` of them; their names follow from the token and are the same every time. */
  machines(launch: PreparedLaunch): readonly LaunchedMachine[];
  /** Pure: the resources to create for each machine, in order, such as `['publicIp', 'networkInterface', 'vm']`. */
  steps(launch: PreparedLaunch): readonly string[];
  /** Pure: steps of the removal in which a machine of this launch has nothing of its own: it is only observed. */
  skippedSteps(launch: PreparedLaunch): readonly string[];
  /**
   * Begins one resource: reads it by its name, creates it only when it does not exist. **Idempotent by name.**
   * Gives the operation's token when there is something to wait for, null when the resource is ready. Does not wait.
   */
  submit(launch: PreparedLaunch, machine: LaunchedMachine, step: string): Promise<string | null>;
  /** Why an operation failed, for the worker-pool error; read singly, only after a listing showed the failure. */
  explain(machine: LaunchedMachine, step: string, operation: string): Promise<ProviderErrorReason>;
  /**
   * Pure: whether the cloud takes machines of this launch back by deleting them, and no list ever says so: one that was
   * built and vanishes, though nobody here deleted it, was preempted. Left out: it never does.
   */
  vanishesWhenPreempted?(launch: PreparedLaunch): boolean;
  /** Only where a launch may create resources that no listing shows as its machine's. */
  readonly tracking?: ResourceTracking;
}

/**
 * What a template creates is known only from the record of its ARM deployment. It is stored in the machine's row, which
 * `deleteResource` then goes by, before that record is deleted.
 */
export interface ResourceTracking {
  /** Pure: whether machines of this launch are to be tracked so. */
  appliesTo(launch: PreparedLaunch): boolean;
  /**
   * What the machine consists of; its `resourceIds` are what an earlier call gave, of a building that had ended. With
   * `stopping`, what is under way is cancelled first. Throws Unavailable while more may come.
   */
  discover(launch: PreparedLaunch, machine: LaunchedMachine & MachineRef, stopping: boolean): Promise<TrackedResources>;
  /** What `discover` gave is in the row: deletes the cloud's record, where there was one. Idempotent. */
  forget(launch: PreparedLaunch, machine: LaunchedMachine): Promise<void>;
}

export interface TrackedResources {
  /** Ids of resources of any type, children left out. */
  readonly resources: readonly string[];
  readonly hasRecord: boolean;
}

export interface ProviderErrorReason {
  readonly message: string;
  readonly cloudCode: string | null;
  /** What a submit would have thrown for it; without one nothing is known but that it failed. */
  readonly code?: ProviderErrorCode;
  /** Kind and title of the worker-pool error, where they are not `operation-error` and `Operation Error`. */
  readonly kind?: string;
  readonly title?: string;
}

export interface Machines {
  /**
   * What a machine leaves behind, in the order in which it must go (`['vm', 'networkInterface', 'publicIp', 'disks']`).
   * Each step begins when the one before is confirmed gone.
   */
  readonly removalSteps: readonly string[];
  /** How long a removal that was accepted may take before it is requested again; a minute where it is left out. */
  readonly removalRepeatMs?: number;
  /**
   * Set where a deletion is one call that shares nothing with those of other machines: the first one is then sent with
   * the row that says stopping (docs/decisions/0035-deletions-at-once.md).
   */
  readonly deletesSingly?: true;
  /**
   * Everything in these locations that carries our deployment's tag, page by page. The listing is complete when the
   * iteration ends without throwing; one that throws proves nothing about what it did not show. Only a PartialListing
   * (`shared/partial-listing.ts`) does: the locations that it does not name were listed to the end. The cost is pages,
   * not machines. `known` are machines of ours: their tracked resources (`resourceIds`) count as tagged, and one that
   * the listing no longer shows is given as gone where the cloud says that it has ended.
   */
  observe(locations: readonly MachineLocation[], known?: readonly MachineRef[]): AsyncIterable<readonly Observation[]>;
  /**
   * Everything that carries our deployment's tag: machines and whatever else a launch creates or leaves (interfaces,
   * addresses, disks, volumes, records of deployments). Page by page, in these locations, in every other place that the
   * configuration names, and wherever else the cloud lists without being told a place. What is gone, or on its way, may
   * be left out; nothing else is. Complete only when the iteration ends without throwing: then what it does not show is
   * not there, whoever launched it. `tokens` gives those of the known launches, for clouds whose tags hold none.
   */
  inventory(
    locations: readonly MachineLocation[],
    tokens: () => Promise<readonly string[]>,
  ): AsyncIterable<readonly TaggedResource[]>;
  /** One machine by its id; the last proof before it is called gone. Never from a cache. */
  get(machine: MachineRef): Promise<Observation>;
  /**
   * Deletes one step's resource, or one that `inventory` gave. Resolves when the cloud has accepted that, or has
   * nothing of it left. Idempotent; calls of several lifecycles may share one cloud call, each still gets its own
   * verdict.
   */
  deleteResource(machine: MachineRef, step: string): Promise<void>;
  /**
   * Why a machine ended, in the cloud's words, where its listing does not say or says only that it did; null where the
   * cloud does not know. Read singly, and only when the end has not been seen before.
   */
  explain?(machine: MachineRef): Promise<string | null>;
  /**
   * The same of many at once, in as many calls as they have places: those whose end one list of many explains. The
   * others are read singly.
   */
  explainTogether?(machines: readonly MachineRef[]): Promise<ReadonlyMap<MachineRef, string>>;
  /**
   * Pure: what these words (an observation's `reason`, or what `explain` gave) say of the launch config, when the
   * machine ended before it registered: how long that backs off depends on it.
   */
  causeOf(reason: string): EndCause;
}

/** Something in the cloud that carries our deployment's tag. Those of one machine have the same `workerId`. */
export interface TaggedResource extends MachineRef {
  /** What people find it by in the cloud; unique. */
  readonly resourceId: string;
  /** The step of `deleteResource` that deletes it, given this as its machine; not always one of `removalSteps`. */
  readonly step: string;
  /** The machine itself; else what belongs to one, or is left of it. */
  readonly isMachine: boolean;
  /** Its launch, where its tags, or the cloud's record, name one. */
  readonly launchToken: string | null;
  /**
   * Whether the cloud's own record of our request shows that this launch created it: what only carries tags may be a
   * copy that somebody made. Only of a known launch of ours may anything be removed.
   */
  readonly isOurs: boolean;
}

/** Enough to find a machine in the cloud, from its row alone. */
export interface MachineRef {
  readonly workerGroup: string;
  readonly workerId: string;
  readonly location: MachineLocation;
  /** What `ResourceTracking` gave of it. */
  readonly resourceIds?: readonly string[];
  /** A deletion takes these of its resources only, whatever else carries its tags; absent or empty: all that it has. */
  readonly exactly?: readonly string[];
}

export type { MachineState };

export interface Observation extends MachineRef {
  readonly state: MachineState;
  /** The cloud's words for a failure or a termination; null when it gave none. */
  readonly reason: string | null;
  /** The tags it carries; null where it has none. Only what bears our own deployment's tag is ours to remove. */
  readonly launchToken: string | null;
  readonly workerPoolId: string | null;
  /**
   * Resources of a stepwise machine that exist by now, by step: all of them, because what is left out may count as
   * gone. Empty for bulk clouds.
   */
  readonly resources: Readonly<Record<string, MachineState>>;
}

/** What a provider is given by the process that runs it. */
export interface ProviderContext {
  readonly providerId: string;
  readonly rootUrl: string;
  /** Our tag on every resource (`worker-manager-deployment`). */
  readonly deploymentId: string;
  readonly limiter: Limiter;
  /** Called once for each call, after it and in its context: for metrics and evidence. */
  readonly onCall: (call: CloudCall, outcome: CallOutcome) => void;
  /** A fingerprint of a static worker's secret, keyed with the deployment's key; what the row stores in its place. */
  readonly fingerprint: (
    worker: { workerPoolId: string; workerGroup: string; workerId: string },
    secret: string,
  ) => string;
  /**
   * A secret of a machine's own that is stored nowhere: 64 URL-safe characters, the same for the same label every time,
   * keyed with the deployment's key.
   */
  readonly derive: (label: string) => string;
}

export interface CallOutcome {
  /** Without the wait for its place. */
  readonly durationMs: number;
  readonly waitedMs: number;
  /** `ok`, or a ProviderErrorCode. */
  readonly result: string;
  /** The cloud's own code and words for a refusal; null where there was none. */
  readonly cloudCode: string | null;
  readonly message: string | null;
  /** The cloud's name of the call, or of the operation that it began; null where it gave none. */
  readonly requestId: string | null;
  /** Calls that the cloud says are left, by its own names of its budgets; absent where it does not say. */
  readonly remaining?: ReadonlyMap<string, number>;
  /** The cloud's words, where it refused the call because the account is suspended. */
  readonly suspended?: string;
}

/**
 * A type of provider, as `registry.ts` lists it: all that is known of it before one is built. Every process and command
 * loads it for every type, so its modules load no vendor's SDK, which takes up to 100 MB and half a second; `build`
 * does.
 */
export interface ProviderType<Config extends ProviderConfig = ProviderConfig> {
  /** Of its entries in the configuration. `providerType` is the constant by which the registry lists it. */
  readonly schema: TSchema;
  /**
   * What the schema of a single key cannot say; keys are below the entry. It sees entries with other mistakes too, so a
   * value may be missing or have a wrong form.
   */
  check(config: Config): readonly Problem[];
  /**
   * Which account of the cloud a configuration speaks for, as far as it says, without a call: what must not change
   * under a provider's id while it has machines, for they would look gone from the other account. Null where there is
   * no account. Keys may be replaced, and emulators may move to another port of this machine.
   */
  account(config: Config): string | null;
  /** The name of the budget of calls that all providers of one account share; null for one of the provider's own. */
  budget(config: Config): string | null;
  /**
   * Throws ProviderConfigError when it cannot be built from this configuration. Pure but for the files that it names.
   */
  build(config: Config, context: ProviderContext): Promise<Provider>;
}
