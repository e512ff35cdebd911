import taskcluster from 'taskcluster-client';
import type { Registration } from './registration.js';

/** The calls that a registered machine makes about itself, signed with the credentials it was given. */
export class WorkerManagerCalls {
  readonly #registration: Registration;
  readonly #workerId: string;

  constructor(registration: Registration, workerId: string) {
    this.#registration = registration;
    this.#workerId = workerId;
  }

  async shouldTerminate(): Promise<boolean> {
    const { workerPoolId, workerGroup } = this.#registration;
    const answer = await this.#client().shouldWorkerTerminate(workerPoolId, workerGroup, this.#workerId);
    return answer.terminate;
  }

  async remove(): Promise<void> {
    const { workerPoolId, workerGroup } = this.#registration;
    await this.#client().removeWorker(workerPoolId, workerGroup, this.#workerId);
  }

  /** Trades the secret for new credentials and the next secret. */
  async reregister(): Promise<Registration> {
    const { workerPoolId, workerGroup, secret } = this.#registration;
    const answer = await this.#client().reregisterWorker({
      workerPoolId,
      workerGroup,
      workerId: this.#workerId,
      secret,
    });
    return {
      ...this.#registration,
      credentials: answer.credentials,
      secret: answer.secret,
      expiresMs: Date.parse(answer.expires),
      renewedMs: Date.now(),
    };
  }

  #client() {
    const { rootUrl, credentials } = this.#registration;
    return new taskcluster.WorkerManager({ rootUrl, credentials, retries: 2 });
  }
}

/** Whether the worker manager answered and refused, as opposed to not answering. */
export function wasRefused(error: unknown): boolean {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' && status >= 400 && status < 500;
}
