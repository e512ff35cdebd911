/**
 * Every error code of the HTTP API: stable words that clients act on, never reused for another meaning. Most are
 * Taskcluster's (docs/taskcluster-compatibility.md#error-codes); `TryAgain` and `MethodNotAllowed` are ours.
 * `docs/reference/errors.md` shows the same table.
 */
export interface CatalogueEntry {
  readonly status: number;
  /** One sentence for the caller: what is wrong and whose move it is. */
  readonly meaning: string;
  /** Whether the same request may succeed later with nothing changed by the caller. */
  readonly retry: boolean;
}

export const errorCatalogue = {
  MalformedPayload: { status: 400, meaning: 'The body is not valid JSON.', retry: false },
  InvalidRequestArguments: {
    status: 400,
    meaning:
      'A parameter in the path or the query is unknown or does not match its pattern, or the Host header names no single host.',
    retry: false,
  },
  InputValidationError: {
    status: 400,
    meaning: 'The body, or the configuration in it, does not match its schema.',
    retry: false,
  },
  InputError: {
    status: 400,
    meaning: 'The request is well formed, but what it asks does not fit what exists; the message says why.',
    retry: false,
  },
  AuthenticationFailed: {
    status: 401,
    meaning:
      'Credentials were sent and do not hold: unknown, wrong, expired, not yet valid, or a signature used before.',
    retry: false,
  },
  InsufficientScopes: {
    status: 403,
    meaning: 'The caller does not have the scopes that this call needs; without credentials there are none.',
    retry: false,
  },
  ResourceNotFound: { status: 404, meaning: 'What the path or the body names does not exist.', retry: false },
  MethodNotAllowed: {
    status: 405,
    meaning: 'The path is one of the API’s, and has no such method; `Allow` names those it has.',
    retry: false,
  },
  RequestConflict: {
    status: 409,
    meaning: 'Something else exists under this id already, or changed at the same time; read it before the next try.',
    retry: false,
  },
  ResourceExpired: { status: 410, meaning: 'What the path names existed, and has expired.', retry: false },
  InputTooLarge: {
    status: 413,
    meaning:
      'The body is larger than 10 MB; 64 KiB for registerWorker, 16 KiB for reregisterWorker; `extra` of an error larger than 64 KiB.',
    retry: false,
  },
  InternalServerError: {
    status: 500,
    meaning: 'A fault of the service; the message holds an incident id that its log has too.',
    retry: true,
  },
  ProviderSetupFailed: {
    status: 503,
    meaning: 'The provider could not be set up; the service keeps trying, an operator may have to act.',
    retry: true,
  },
  TryAgain: {
    status: 503,
    meaning:
      'A launch is still being recorded, or a part of the service does not answer in time; `Retry-After` says when to try again.',
    retry: true,
  },
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof errorCatalogue;
export const errorCodes = Object.keys(errorCatalogue) as readonly ErrorCode[];
