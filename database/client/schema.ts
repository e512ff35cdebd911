import type { Generated, Kysely } from 'kysely';
import type { FailureClass } from '../../domain/backoff.js';
import type { DecisionBasis } from '../../domain/decision-record.js';
import type { DemandSeries } from '../../domain/demand-history.js';
import type {
  PollEntry,
  PoolDefinition,
  ReconciliationEvidence,
  SpanData,
  SpanEnd,
  SpanKind,
  TriggerCause,
  WorkerEvent,
  WorkerEventData,
} from '../../domain/evidence.js';
import type { ScanNote } from '../../domain/observation.js';
import type { HoldReason, OrphanVerdict } from '../../domain/orphans.js';
import type { WedgedVerdict } from '../../domain/wedged-lifecycles.js';
import type { MachineLocation, Worker } from '../../domain/worker.js';
import type { LaunchConfig, LaunchConfiguration, WorkerPool } from '../../domain/worker-pool.js';

/**
 * The tables of `migrations/`, with camel case names (a plugin translates). Rows of pools and workers are the domain's
 * types as they stand. Instants are epoch milliseconds; `bigint` columns arrive as numbers on both engines.
 */
export interface Schema {
  deployment: DeploymentRow;
  workerPools: WorkerPool;
  poolRevisions: PoolRevisionRow;
  launchConfigs: Omit<LaunchConfig, 'configuration'> & { position: Generated<number> };
  launchConfigRevisions: LaunchConfigRevision;
  audit: AuditRow;
  holds: Hold;
  credentialsUsed: CredentialsUsedRow;
  usedSignatures: { signature: string; until: number };
  launches: LaunchRow;
  workers: Omit<Worker, 'resourceIds'> & { resourceIds: Generated<readonly string[]> };
  launchBackoffs: LaunchBackoffRow;
  workerPoolErrors: WorkerPoolErrorRow;
  workerPoolErrorHours: WorkerPoolErrorHourRow;
  errorMails: ErrorMailRow;
  decisions: DecisionRow;
  demandReadings: DemandReadingsRow;
  demandPolls: DemandPollRow;
  queueWaits: {
    workerPoolId: string;
    at: number;
    tasks: number;
    complete: boolean;
    oldestMs: number;
    p50Ms: number;
    p95Ms: number;
  };
  demandHours: { workerPoolId: string; hour: number; series: DemandSeries };
  reconciliations: ReconciliationRow;
  spans: SpanRow;
  attempts: AttemptRow;
  workerEvents: WorkerEventRow;
  errorHours: ErrorHourRow;
  scans: ScanRow;
  scanNotes: ScanNote & { providerId: string };
  events: EventRow;
  leases: { name: string; holder: string; since: number; until: number };
  orphanSweeps: OrphanSweepRow;
  orphans: OrphanRow;
  orphanActs: OrphanActRow;
  taggedListings: { providerId: string; begun: number };
  strayLifecycles: { workerPoolId: string; workerGroup: string; workerId: string; missedSince: number };
  preemptions: PreemptionRow;
  wedgedLifecycles: WedgedLifecycleRow;
  wedgedActs: WedgedActRow;
  providerAccounts: { providerId: string; account: string };
  rateLimits: { bucket: string; arrival: number; pausedUntil: Generated<number>; at: Generated<number> };
  migrations: { name: string; applied: number };
}

/** The database, or a transaction on it: every function of this folder takes either. */
export type Db = Kysely<Schema>;

export interface DeploymentRow {
  id: number;
  deploymentId: string;
  deploymentKey: string;
  taskQueuePrefix: string | null;
  created: number;
  /** Reservations of launches so far. */
  reservations: Generated<number>;
}

export interface LaunchConfigRevision {
  workerPoolId: string;
  launchConfigId: string;
  revision: number;
  configuration: LaunchConfiguration;
  created: number;
}

export interface AuditRow {
  id: Generated<number>;
  at: number;
  clientId: string;
  entityType: string;
  entityId: string;
  action: string;
  /** What it was about, where the action alone does not say it. */
  detail: Record<string, unknown> | null;
}

export interface PoolRevisionRow {
  id: Generated<number>;
  workerPoolId: string;
  revision: number;
  at: number;
  clientId: string;
  /** `recorded`: it is older than its evidence. */
  action: 'created' | 'updated' | 'deleted' | 'recorded';
  definition: PoolDefinition;
}

export interface Hold {
  /** A workerPoolId, or `*` for all. */
  scope: string;
  reason: string;
  clientId: string;
  at: number;
}

export interface CredentialsUsedRow {
  workerPoolId: string;
  workerGroup: string;
  workerId: string;
  firstCallAt: number;
}

export type LaunchStatus = 'open' | 'fulfilled' | 'done' | 'failed';

export interface LaunchRow {
  token: string;
  workerPoolId: string;
  providerId: string;
  launchConfigId: string;
  launchConfigRevision: number;
  location: MachineLocation;
  /** The provider's prepared request; opaque here. */
  request: unknown;
  /** Machines requested. */
  count: number;
  capacityPerMachine: number;
  status: LaunchStatus;
  attempts: number;
  /** Begun, and neither answered nor settled. */
  inDoubtAttempts: number;
  firstAttemptAt: number | null;
  lastAttemptAt: number | null;
  /** Not resumed before; null: at once. */
  nextAttemptAt: number | null;
  /** When the first of the attempts in doubt was scheduled; null while none is in doubt. */
  inDoubtSince: number | null;
  /** When its owner heard that it is in doubt. */
  reportedAt: number | null;
  /** What the last attempt without an outcome failed with. */
  lastFailure: string | null;
  created: number;
  closed: number | null;
  /** Machines recorded. */
  machines: number | null;
  failure: string | null;
}

export interface LaunchBackoffRow {
  workerPoolId: string;
  launchConfigId: string;
  /** The backoff holds for this one only. */
  revision: number;
  failureClass: FailureClass;
  failures: number;
  until: number;
  /** Whether the last machine of it that came to an end did so before it had registered. */
  unregistered: Generated<boolean>;
}

export interface WorkerPoolErrorRow {
  errorId: string;
  workerPoolId: string;
  launchConfigId: string | null;
  fingerprint: string;
  kind: string;
  title: string;
  description: string;
  extra: Record<string, unknown>;
  /** The latest occurrence. */
  reported: number;
  firstReported: number;
  occurrences: number;
}

export interface ErrorMailRow {
  workerPoolId: string;
  errorKey: string;
  mailedAt: number;
  heardUntil: Generated<number>;
  heardOccurrences: Generated<number>;
}

export interface WorkerPoolErrorHourRow {
  errorId: string;
  /** Its begin. */
  hour: number;
  workerPoolId: string;
  occurrences: number;
}

export interface DecisionRow {
  id: Generated<number>;
  workerPoolId: string;
  firstAt: number;
  lastAt: number;
  occurrences: number;
  fingerprint: string;
  decision: unknown;
  basis: DecisionBasis | null;
}

export interface DemandReadingsRow {
  workerPoolId: string;
  readAt: number;
  pendingTasks: number;
  claimedTasks: number;
  /** Machines that the pool would launch if no limit of the deployment held it. */
  wantedMachines: number;
  previousReadAt: number | null;
  previousPendingTasks: number | null;
  previousClaimedTasks: number | null;
  previousWantedMachines: number | null;
  /** When the queue is read again for the pool. */
  dueAt: Generated<number>;
}

export interface DemandPollRow {
  id: Generated<number>;
  begun: number;
  ended: number;
  process: string;
  /** The row with all pools that this one adds its changes to; null: this is one. */
  fullId: number | null;
  intervalMs: number;
  /** By worker pool; null for one that is polled no more. */
  pools: Readonly<Record<string, PollEntry | null>>;
  errors: readonly string[];
}

export interface ReconciliationRow {
  id: Generated<number>;
  workerPoolId: string;
  reconciliationId: string;
  began: number;
  ended: number;
  outcome: 'concluded' | 'failed';
  process: string;
  version: number;
  triggeredBy: readonly TriggerCause[];
  /** The row of `decisions` that it began or extended. */
  decisionId: number | null;
  poolRevision: number | null;
  evidence: ReconciliationEvidence;
}

export interface SpanRow {
  id: Generated<number>;
  kind: SpanKind;
  subject: string;
  part: Generated<string>;
  begins: number;
  ends: number | null;
  data: SpanData;
  endedBy: SpanEnd | null;
}

export interface AttemptRow {
  id: Generated<number>;
  begun: number;
  ended: number;
  process: string;
  providerId: string;
  operation: string;
  callClass: 'create' | 'delete';
  region: string | null;
  launchToken: string | null;
  workerPoolId: string | null;
  /** Instances or resources, in the cloud's names. */
  subjects: readonly string[];
  waitedMs: number;
  /** `ok` or a ProviderErrorCode. */
  result: string;
  cloudCode: string | null;
  message: string | null;
  requestId: string | null;
}

export interface WorkerEventRow {
  id: Generated<number>;
  at: number;
  workerPoolId: string;
  workerGroup: string;
  workerId: string;
  event: WorkerEvent;
  cause: string | null;
  /** Null: the worker manager itself. */
  clientId: string | null;
  data: WorkerEventData;
}

export interface ErrorHourRow {
  errorId: string;
  hour: number;
  workerPoolId: string;
  launchConfigId: string | null;
  kind: string;
  title: string;
  description: string;
  code: string | null;
  occurrences: number;
  firstAt: number;
  lastAt: number;
}

export interface ScanRow {
  id: Generated<number>;
  providerId: string;
  begun: number;
  ended: number | null;
  complete: boolean;
  machines: number;
  signalled: number;
  unowned: number;
}

export interface EventRow {
  id: Generated<number>;
  at: number;
  topic: string;
  payload: unknown;
}

export interface OrphanSweepRow {
  runId: string;
  begun: number;
  ended: number;
  /** Who wanted it; null: the Schedule. */
  clientId: string | null;
  isDryRun: boolean;
  /** Removals that an operator let past the fuse. */
  confirmed: number | null;
  /** Providers whose list was read to its end. */
  complete: readonly string[];
  /** Why nothing was removed. */
  held: readonly HoldReason[];
  machines: number;
  orphans: number;
  adopted: number;
  removed: number;
  failed: number;
}

export interface OrphanRow {
  providerId: string;
  thingId: string;
  workerGroup: string;
  workerId: string;
  location: MachineLocation;
  steps: readonly string[];
  resourceIds: readonly string[];
  isMachine: boolean;
  launchToken: string | null;
  /** Of its launch; null where the database does not know that. */
  workerPoolId: string | null;
  firstSeen: number;
  lastSeen: number;
  verdict: OrphanVerdict;
}

export interface OrphanActRow {
  id: Generated<number>;
  at: number;
  runId: string;
  providerId: string;
  thingId: string;
  launchToken: string | null;
  workerPoolId: string | null;
  act: 'adopted' | 'removal' | 'failed';
  /** What it consisted of, or why it failed. */
  detail: string;
}

export interface WedgedLifecycleRow {
  workerPoolId: string;
  workerGroup: string;
  workerId: string;
  runId: string;
  attempts: number;
  since: number;
  verdict: WedgedVerdict;
}

export interface WedgedActRow {
  workerPoolId: string;
  workerGroup: string;
  workerId: string;
  runId: string;
  act: 'replace' | 'end' | 'delete';
  at: number;
}

export interface PreemptionRow {
  workerPoolId: string;
  launchConfigId: string;
  workerGroup: string;
  workerId: string;
  at: number;
  livedMs: number;
}
