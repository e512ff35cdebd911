const PREFIX = '/api/worker-manager/v1';
const TIMEOUT_MS = 30_000;

/** Where somebody reads for himself what a call gives. */
export const apiAddress = (path: string): string => `${PREFIX}${path}`;

/** What the API answered instead of what was wanted, or that it did not answer. */
export class ApiFailure extends Error {
  /** 0: no answer. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export async function call<T>(method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<T> {
  const response = await fetch(apiAddress(path), {
    method,
    signal: AbortSignal.timeout(TIMEOUT_MS),
    // A change by session is taken from a page of ours that sends JSON, also where it has nothing to send.
    ...(method === 'GET' ? {} : { headers: { 'content-type': 'application/json' } }),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new ApiFailure(0, 'The server does not answer.');
  });
  const answer: unknown = await response.json().catch(() => null);
  if (!response.ok) throw new ApiFailure(response.status, messageOf(answer) ?? `HTTP ${response.status}`);
  return answer as T;
}

/** The API's messages end with facts about the call, after a line of dashes. */
function messageOf(answer: unknown): string | null {
  const { message } = (answer ?? {}) as { readonly message?: unknown };
  return typeof message === 'string' ? message.split('\n\n---')[0]! : null;
}
