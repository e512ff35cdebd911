/** What went wrong, and what went wrong inside of it. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly details?: readonly Failure[];
}

/** What only Azure's and Google's answers have. */
export interface RefusalExtras {
  readonly details?: readonly Failure[];
  /** For the header Retry-After. */
  readonly retryAfterSeconds?: number | null;
}

/** A refusal with a code and an HTTP status; each endpoint renders it in the shape of its own protocol. */
export class Refusal extends Error {
  readonly code: string;
  readonly status: number;
  readonly details: readonly Failure[];
  readonly retryAfterSeconds: number | null;

  constructor(code: string, message: string, status = 400, extras: RefusalExtras = {}) {
    super(message);
    this.name = 'Refusal';
    this.code = code;
    this.status = status;
    this.details = extras.details ?? [];
    this.retryAfterSeconds = extras.retryAfterSeconds ?? null;
  }
}

/** The connection is cut without an answer, as a network does it. */
export class ConnectionLost extends Error {
  constructor() {
    super('connection lost on purpose');
    this.name = 'ConnectionLost';
  }
}
