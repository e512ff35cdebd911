import type { EstimatorKind } from '../estimator.js';
import type {
  PollEntry,
  PoolDefinition,
  ReconciliationEvidence,
  SpanData,
  SpanEnd,
  SpanKind,
  WorkerEvent,
} from '../evidence.js';

/**
 * What is recorded of one pool over a span of time, as it stands in the database. `evidenceAt` says what of it holds at
 * one instant. Lists are ordered by time.
 */
export interface PoolRecords {
  readonly workerPoolId: string;
  /** Where no reconciliation says which it was. */
  readonly estimator: EstimatorKind;
  /** From when on there are records; null: there are none at all. */
  readonly recordedSince: number | null;
  readonly revisions: readonly RevisionRecord[];
  readonly polls: readonly PollRecord[];
  readonly spans: readonly SpanRecord[];
  readonly reconciliations: readonly ReconciliationRecord[];
  readonly launches: readonly LaunchRecord[];
  /** Calls that create. */
  readonly attempts: readonly AttemptRecord[];
  readonly workerEvents: readonly WorkerEventRecord[];
  /** Of its machines: those in the span of time, and the last ones before it. */
  readonly registrations: readonly RegistrationRecord[];
}

export interface RevisionRecord {
  readonly id: number;
  readonly at: number;
  readonly clientId: string;
  readonly action: 'created' | 'updated' | 'deleted' | 'recorded';
  readonly definition: PoolDefinition;
}

/** One poll of all pools, and this pool in it; null: it was not polled. */
export interface PollRecord {
  readonly id: number;
  readonly at: number;
  readonly intervalMs: number;
  readonly entry: PollEntry | null;
  readonly failure: string | null;
}

export interface SpanRecord {
  readonly id: number;
  readonly kind: SpanKind;
  readonly subject: string;
  readonly part: string;
  readonly begins: number;
  readonly ends: number | null;
  readonly data: SpanData;
  readonly endedBy: SpanEnd | null;
}

export interface ReconciliationRecord {
  readonly id: number;
  readonly began: number;
  readonly ended: number;
  readonly evidence: Pick<
    ReconciliationEvidence,
    'estimator' | 'inputs' | 'blocks' | 'rounds' | 'launches' | 'failure'
  >;
}

export interface LaunchRecord {
  readonly token: string;
  readonly launchConfigId: string;
  readonly providerId: string;
  readonly region: string | null;
  readonly machines: number;
  readonly capacity: number;
  readonly created: number;
  /** When it was fulfilled, done or failed. */
  readonly closed: number | null;
  readonly failed: boolean;
  readonly inDoubtSince: number | null;
}

export interface AttemptRecord {
  readonly id: number;
  readonly begun: number;
  readonly ended: number;
  readonly launchToken: string;
  readonly waitedMs: number;
  readonly result: string;
  readonly requestId: string | null;
}

export interface RegistrationRecord {
  readonly at: number;
  /** From the worker's row to its registration. */
  readonly tookMs: number;
}

export interface WorkerEventRecord {
  readonly at: number;
  /** Of the worker. */
  readonly key: string;
  readonly event: WorkerEvent;
  readonly capacity: number;
  readonly launchToken: string | null;
  readonly launchConfigId: string | null;
  /** Its state before. */
  readonly from: string | null;
}
