import { closeSync, openSync, writeSync } from 'node:fs';

/** One line of the log. Never holds credentials, certificates, secrets or user data. */
export interface LogEntry {
  readonly kind: 'ec2' | 'arm' | 'gce' | 'auth' | 'notify' | 'queue' | 'api' | 'machine';
  readonly operation: string;
  /** `ok`, an error code, an HTTP status, or what a fault did to the call. */
  readonly outcome: string;
  readonly [detail: string]: unknown;
}

/** How often each operation ended how, by `kind operation`. */
export type CallCounts = Record<string, Record<string, number>>;

/**
 * The evidence of what happened. Lines are written synchronously and before the answer is sent: whatever a caller has
 * seen is in the file, even when either side is killed in the next instant.
 */
export class RequestLog {
  readonly #file: number | null;
  #counts: CallCounts = {};

  constructor(path: string | null) {
    this.#file = path === null ? null : openSync(path, 'a', 0o600);
  }

  write(entry: LogEntry): void {
    const outcomes = (this.#counts[`${entry.kind} ${entry.operation}`] ??= {});
    outcomes[entry.outcome] = (outcomes[entry.outcome] ?? 0) + 1;
    if (this.#file !== null) writeSync(this.#file, JSON.stringify({ time: new Date().toISOString(), ...entry }) + '\n');
  }

  counts(): CallCounts {
    return this.#counts;
  }

  restore(counts: CallCounts): void {
    this.#counts = counts;
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
  }
}
