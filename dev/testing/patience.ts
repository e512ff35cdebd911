/**
 * Of one wait for something that comes sooner, or that a test finds wrong: what a busy machine needs several times
 * over. A limit that is an assertion is the test's own.
 */
export const PATIENCE_MS = 180_000;

/** Of a test or a hook of a whole system, which waits many times. */
export const SYSTEM_TIMEOUT_MS = 600_000;
