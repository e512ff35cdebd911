import { ActivityFailure, CancellationScope, condition, isCancellation } from '@temporalio/workflow';

/**
 * How often what many lifecycles wait for is tried again, different in each: they all fail in the same second, and
 * after an hour without the database or a cloud they must not come back in the same minute. A retry costs no event.
 */
export const retriesOf = (policy: { firstMs: number; coefficient: number; maxMs: number }) => ({
  initialInterval: Math.round(policy.firstMs * (1 + Math.random())),
  backoffCoefficient: policy.coefficient,
  maximumInterval: Math.round(policy.maxMs * (1 - Math.random() / 2)),
});

/**
 * Runs an activity until there is no point in it any more: then its retries end, while an attempt that is under way is
 * waited for. Null when it was cut off: an attempt that fails after that ends it as a failure, not as a cancellation.
 */
export async function unless<T>(isPointless: () => boolean, run: () => Promise<T>): Promise<{ value: T } | null> {
  const scope = new CancellationScope();
  let isOver = false;
  let isCutOff = false;
  void condition(() => isOver || isPointless()).then(() => {
    if (isOver) return;
    isCutOff = true;
    // guard(what-is-pointless-is-not-retried): drop
    scope.cancel();
  });
  try {
    return { value: await scope.run(run) };
  } catch (error) {
    if (isCutOff && (error instanceof ActivityFailure || isCancellation(error))) return null;
    throw error;
  } finally {
    isOver = true;
  }
}
