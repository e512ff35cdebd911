import { setTimeout as delay } from 'node:timers/promises';
import type { Credentials } from 'taskcluster-client';
import { exchange, type Answer } from '../http/client.js';

/** What a worker manager puts into user data (the fields that a machine needs to introduce itself). */
export interface UserData {
  readonly rootUrl: string;
  readonly workerPoolId: string;
  readonly providerId: string;
  readonly workerGroup: string;
  readonly workerConfig: Readonly<Record<string, unknown>>;
}

/** What a machine knows once it is registered. Secret: kept in the state file only, never logged. */
export interface Registration {
  readonly rootUrl: string;
  readonly workerPoolId: string;
  readonly workerGroup: string;
  readonly credentials: Credentials;
  readonly secret: string;
  readonly expiresMs: number;
  readonly renewedMs: number;
  /** Tasks at once. */
  readonly capacity: number;
}

/** The worker manager will not have this machine; a real worker-runner stops here and its machine goes. */
export class RegistrationRefused extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`registration answered with ${status}`);
    this.name = 'RegistrationRefused';
    this.status = status;
  }
}

const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 15_000;

/** Null when the user data is not a worker manager's: such a machine does nothing. */
export function parseUserData(text: string): UserData | null {
  let data: Record<string, unknown>;
  try {
    data = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return null;
  }
  const { rootUrl, workerPoolId, providerId, workerGroup, workerConfig } = data ?? {};
  if (typeof rootUrl !== 'string' || typeof workerPoolId !== 'string') return null;
  if (typeof providerId !== 'string' || typeof workerGroup !== 'string') return null;
  return {
    rootUrl,
    workerPoolId,
    providerId,
    workerGroup,
    workerConfig: (workerConfig ?? {}) as UserData['workerConfig'],
  };
}

/** What a machine shows to its worker manager. */
export interface Introduction {
  readonly userData: UserData;
  readonly proof: Readonly<Record<string, string>>;
}

/** Reads the machine's own data and proof from its metadata service. Null for a machine without a worker manager. */
export type Introduce = (signal: AbortSignal) => Promise<Introduction | null>;

/** Reads one item of a metadata service; throws when there is none. */
export async function readMetadata(
  url: string,
  signal: AbortSignal,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const answer = await exchange('GET', url, { signal, patient: true, headers });
  if (answer.status !== 200) throw new Error(`metadata ${new URL(url).pathname} answered with ${answer.status}`);
  return answer.body;
}

/** An EC2 machine: user data, and the signed identity document. */
export const introduceInstance =
  (metadataUrl: string): Introduce =>
  async (signal) => {
    const userData = parseUserData(await readMetadata(`${metadataUrl}/latest/user-data`, signal));
    if (!userData) return null;
    const identity = `${metadataUrl}/latest/dynamic/instance-identity`;
    const document = await readMetadata(`${identity}/document`, signal);
    const signature = await readMetadata(`${identity}/signature`, signal);
    return { userData, proof: { document, signature } };
  };

/**
 * Introduces a machine to its worker manager: registerWorker until it is answered. Null for a machine without one.
 * Throws RegistrationRefused on 4xx; repeats after anything else, because an answer may only be late or lost.
 */
export async function register(
  introduce: Introduce,
  workerId: string,
  signal: AbortSignal,
): Promise<Registration | null> {
  const introduction = await introduce(signal);
  if (!introduction) return null;
  const { userData, proof } = introduction;
  const url = `${userData.rootUrl.replace(/\/$/, '')}/api/worker-manager/v1/worker/register`;
  const body = {
    workerPoolId: userData.workerPoolId,
    providerId: userData.providerId,
    workerGroup: userData.workerGroup,
    workerId,
    workerIdentityProof: proof,
  };
  for (let attempt = 0; ; attempt++) {
    const answer = await exchange('POST', url, { body, signal }).catch(() => null);
    signal.throwIfAborted();
    if (answer?.status === 200) return readRegistration(answer.body, userData);
    if (answer && answer.status >= 400 && answer.status < 500 && answer.status !== 429) {
      throw new RegistrationRefused(answer.status);
    }
    await delay(retryDelayMs(answer, attempt), undefined, { signal });
  }
}

function readRegistration(body: string, userData: UserData): Registration {
  const answer = JSON.parse(body) as {
    expires: string;
    credentials: Credentials;
    secret: string;
    workerConfig?: Record<string, unknown>;
  };
  const capacity = Number(answer.workerConfig?.['capacity'] ?? userData.workerConfig['capacity'] ?? 1);
  return {
    rootUrl: userData.rootUrl,
    workerPoolId: userData.workerPoolId,
    workerGroup: userData.workerGroup,
    credentials: answer.credentials,
    secret: answer.secret,
    expiresMs: Date.parse(answer.expires),
    renewedMs: Date.now(),
    capacity: Number.isInteger(capacity) && capacity > 0 ? capacity : 1,
  };
}

/**
 * What the server's Retry-After says, or doubling from half a second; half of it at random, so that a crowd spreads
 * out.
 */
function retryDelayMs(answer: Answer | null, attempt: number): number {
  const requested = Number(answer?.headers['retry-after']);
  const doubled = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt);
  const wait = requested > 0 ? requested * 1000 : doubled;
  return wait * (0.5 + Math.random() / 2);
}
