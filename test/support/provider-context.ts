import { createHmac } from 'node:crypto';
import type { ProviderError } from '../../providers/errors.js';
import type { CallOutcome, ProviderContext } from '../../providers/provider.js';
import type { QuotaUpdate, CallLimit, CloudCall } from '../../providers/rate-limit.js';

/** A context without limits that records the provider's calls. */
export interface RecordedContext extends ProviderContext {
  readonly acquired: (CloudCall & { limit: CallLimit })[];
  readonly outcomes: (CloudCall & CallOutcome)[];
  readonly quotaUpdates: (CloudCall & QuotaUpdate)[];
  /** From now on the limiter refuses every call with this error; null lets them through again. */
  refuseCalls(error: ProviderError | null): void;
}

export function recordedContext(changes: Partial<ProviderContext> = {}): RecordedContext {
  const acquired: RecordedContext['acquired'] = [];
  const outcomes: RecordedContext['outcomes'] = [];
  const quotaUpdates: RecordedContext['quotaUpdates'] = [];
  let refusal: ProviderError | null = null;
  return {
    providerId: 'cloud',
    rootUrl: 'http://localhost:8080',
    deploymentId: 'c0ffee00-0000-4000-8000-000000000001',
    limiter: {
      acquire: async (call, limit) => {
        if (refusal) throw refusal;
        acquired.push({ ...call, limit });
      },
      reportQuota: async (call, _limit, said) => void quotaUpdates.push({ ...call, ...said }),
    },
    onCall: (call, outcome) => void outcomes.push({ ...call, ...outcome }),
    fingerprint: (worker, secret) =>
      createHmac('sha256', 'a key of the tests')
        .update(`${worker.workerPoolId}/${worker.workerGroup}/${worker.workerId}/${secret}`)
        .digest('base64url'),
    derive: (label) => createHmac('sha384', 'a key of the tests').update(label).digest('base64url'),
    ...changes,
    acquired,
    outcomes,
    quotaUpdates,
    refuseCalls: (error) => {
      refusal = error;
    },
  };
}
