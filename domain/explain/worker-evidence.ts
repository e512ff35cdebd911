import type { Deed, Span } from './evidence.js';
import type { Source } from './explanation.js';
import type { ShouldTerminate } from '../worker.js';

/** What is recorded of one worker at one instant; what came later is not in it. */
export interface WorkerEvidence {
  readonly workerPoolId: string;
  readonly workerGroup: string;
  readonly workerId: string;
  /** From when on there are records; null: from the beginning. */
  readonly recordedSince: number | null;
  /** Null: there was no such worker. */
  readonly life: WorkerTimes | null;
  /** Registrations that were refused, oldest first. */
  readonly refusals: readonly (Deed & { readonly reason: string })[];
  /** Deletions of its resources that the cloud was asked for, oldest first. */
  readonly deletions: readonly Deletion[];
  readonly verdict: ShouldTerminate | null;
  /** What its pool had and may not fall below, where its tasks need less; null: no minimum keeps it. */
  readonly minimum: { readonly minCapacity: number; readonly currentCapacity: number } | null;
  readonly medianRegistrationMs: number | null;
  readonly launch: { readonly source: Source | null; readonly requestIds: readonly string[] } | null;
}

export interface WorkerTimes {
  readonly created: number;
  readonly registeredAt: number | null;
  readonly stopping: (Span & { readonly reason: string | null; readonly who: string | null }) | null;
  readonly stoppedAt: number | null;
  readonly source: Source | null;
}

export interface Deletion {
  readonly at: number;
  /** The cloud's code where it refused; null: it took the call. */
  readonly code: string | null;
  readonly requestId: string | null;
  readonly source: Source | null;
}
