import type { PollEntry, ReconciliationEvidence } from '../../domain/evidence.js';
import type {
  PollRecord,
  PoolRecords,
  ReconciliationRecord,
  RevisionRecord,
  SpanRecord,
} from '../../domain/explain/records.js';

/** Rows of evidence as the database gives them, of a pool that waits for 41 machines. */

export const entry = (fields: Partial<PollEntry> = {}): PollEntry => ({
  ...{ pending: 41, claimed: 0, requested: 0, running: 0, stopping: 0, quarantined: 0, inDoubt: 0 },
  ...{ wanted: 41, room: 100, verdict: 'unchanged', dueMs: 10_000 },
  ...fields,
});

export const pollRecord = (at: number, fields: Partial<PollRecord> = {}): PollRecord => ({
  ...{ id: at, at, intervalMs: 10_000, entry: entry(), failure: null },
  ...fields,
});

export const definition = {
  ...{ providerId: 'aws', description: '', owner: 'a@example.com', emailOnError: false },
  config: { minCapacity: 0, maxCapacity: 100 },
  launchConfigs: ['lc-a', 'lc-b'].map((launchConfigId) => ({
    ...{ launchConfigId, revision: 3 },
    configuration: { region: 'us-east-1', launchConfig: { InstanceType: 'm6a.large' } },
  })),
};

export const revisionRecord = (at: number, fields: Partial<RevisionRecord> = {}): RevisionRecord => ({
  ...{ id: 7, at, clientId: 'ops', action: 'created', definition },
  ...fields,
});

export const spanRecord = (
  span: Pick<SpanRecord, 'kind' | 'subject' | 'begins' | 'data'> & Partial<SpanRecord>,
): SpanRecord => ({ ...{ id: 77, part: '', ends: null, endedBy: null }, ...span });

export const reconciliation = (ended: number, fields: Partial<ReconciliationEvidence> = {}): ReconciliationRecord => ({
  ...{ id: 4711, began: ended - 100, ended },
  evidence: {
    ...{ estimator: 'corrected', inputs: null, blocks: [], rounds: [], launches: [], failure: null },
    ...fields,
  },
});

export const poolRecords = (fields: Partial<PoolRecords> = {}): PoolRecords => ({
  ...{ workerPoolId: 'proj/linux', estimator: 'corrected', recordedSince: 0 },
  ...{ revisions: [revisionRecord(0)], polls: [], spans: [], reconciliations: [], launches: [], attempts: [] },
  ...{ workerEvents: [], registrations: [] },
  ...fields,
});
