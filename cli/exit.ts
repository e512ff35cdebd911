/** Supervisors and scripts rely on them (docs/how-to/production.md#exit-codes). */
export const EXIT = {
  stopped: 0,
  /** Bad configuration or arguments. */
  bad: 1,
  /** Something it needs could not be reached in time. */
  unreachable: 2,
  /** `explain`: nobody evaluated then, or nothing is recorded of it. */
  unanswered: 3,
} as const;

/** Ends a command with a code and a line for a person; never a stack trace. */
export class ExitError extends Error {
  override readonly name = 'ExitError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}
