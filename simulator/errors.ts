/** A refusal with a code and an HTTP status; each endpoint renders it in the shape of its own protocol. */
export class Refusal extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.name = 'Refusal';
    this.code = code;
    this.status = status;
  }
}

/** The connection is cut without an answer, as a network does it. */
export class ConnectionLost extends Error {
  constructor() {
    super('connection lost on purpose');
    this.name = 'ConnectionLost';
  }
}
