/** Each resolves when all is well; by the name that may be given away. */
export type Checks = Readonly<Record<string, () => Promise<void>>>;

/** How long one round of checks is good for: probes of many watchers cost no more than one. */
const CHECKS_CACHED_MS = 5000;
const CHECK_TIMEOUT_MS = 4000;

/** What a process needs, and whether it works. */
export class Health {
  private readonly checks: Checks;
  private readonly now: () => number;
  private last: { readonly at: number; readonly failed: Promise<string[]> } | null = null;

  constructor(checks: Checks, now: () => number) {
    this.checks = checks;
    this.now = now;
  }

  /** Names of what does not work, at most 5 s old. Never rejects. */
  failed(): Promise<string[]> {
    const at = this.now();
    if (!this.last || at - this.last.at >= CHECKS_CACHED_MS) this.last = { at, failed: failedChecks(this.checks) };
    return this.last.failed;
  }
}

async function failedChecks(checks: Checks): Promise<string[]> {
  const outcomes = await Promise.all(
    Object.entries(checks).map(async ([name, check]) =>
      (await failureOf(check, CHECK_TIMEOUT_MS)) === null ? [] : [name],
    ),
  );
  return outcomes.flat();
}

/** What a check failed with, within its time; null when all is well. Never rejects. */
export async function failureOf(check: () => Promise<void>, timeoutMs: number): Promise<unknown> {
  const { promise: tooLate, resolve } = Promise.withResolvers<unknown>();
  const timer = setTimeout(() => resolve(new Error('no answer')), timeoutMs);
  const outcome = (async () => {
    try {
      await check();
      return null;
    } catch (error) {
      return error;
    }
  })();
  try {
    return await Promise.race([outcome, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
