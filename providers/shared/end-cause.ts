import type { EndCause } from '../../domain/backoff.js';

/** The cause of the first pattern that is in the cloud's words; `other` where none is. */
export const causeByWords =
  (...patterns: readonly (readonly [RegExp, EndCause])[]) =>
  (reason: string): EndCause =>
    patterns.find(([pattern]) => pattern.test(reason))?.[1] ?? 'other';
