import { createHmac } from 'node:crypto';
import type { ProviderError } from '../../providers/errors.js';
import type { CallOutcome, ProviderContext } from '../../providers/provider.js';
import type { BudgetNews, CallLimit, CloudCall } from '../../providers/rate-limit.js';

/** A context without limits that remembers what the provider asked of it. */
export interface RecordedContext extends ProviderContext {
  readonly taken: (CloudCall & { limit: CallLimit })[];
  readonly outcomes: (CloudCall & CallOutcome)[];
  readonly news: (CloudCall & BudgetNews)[];
  /** From now on the limiter refuses every call with this error; null lets them through again. */
  refuseCalls(error: ProviderError | null): void;
}

export function recordedContext(changes: Partial<ProviderContext> = {}): RecordedContext {
  const taken: RecordedContext['taken'] = [];
  const outcomes: RecordedContext['outcomes'] = [];
  const news: RecordedContext['news'] = [];
  let refusal: ProviderError | null = null;
  return {
    providerId: 'cloud',
    rootUrl: 'http://localhost:8080',
    deploymentId: 'c0ffee00-0000-4000-8000-000000000001',
    limiter: {
      take: async (call, limit) => {
        if (refusal) throw refusal;
        taken.push({ ...call, limit });
      },
      heed: async (call, _limit, said) => void news.push({ ...call, ...said }),
    },
    onCall: (call, outcome) => void outcomes.push({ ...call, ...outcome }),
    fingerprint: (worker, secret) =>
      createHmac('sha256', 'a key of the tests')
        .update(`${worker.workerPoolId}/${worker.workerGroup}/${worker.workerId}/${secret}`)
        .digest('base64url'),
    derive: (label) => createHmac('sha384', 'a key of the tests').update(label).digest('base64url'),
    ...changes,
    taken,
    outcomes,
    news,
    refuseCalls: (error) => {
      refusal = error;
    },
  };
}
