import type { FastifyInstance } from 'fastify';
import type { Static } from 'typebox';
import { parseInstant } from '../../domain/instants.js';
import { REGISTRATION_GRACE_MS } from '../../domain/lifecycle.js';
import type { Worker } from '../../domain/worker.js';
import type { WorkerKey } from '../../domain/ids.js';
import { lifecycleId } from '../../temporal/ids.js';
import { logEvent } from '../../observability/log-events.js';
import { IdentityError, ProviderError } from '../../providers/errors.js';
import type { IdentityProof, Provider } from '../../providers/provider.js';
import { registrationSnapshot } from '../../database/registration.js';
import { recordRefusal } from '../../database/worker-events.js';
import type { ApiContext } from '../http/context.js';
import { workerCredentials } from '../auth/credentials.js';
import { LifecycleRejectedError } from '../../temporal/lifecycle-client.js';
import { ApiError, inputError, notFound } from '../http/errors.js';
import { addOperation, type Log } from '../http/operation.js';
import { registerRequest, registerResponse } from '../schemas/workers.js';
import { sha256Hex, workerSecret } from '../auth/secrets.js';
import { FairSemaphore } from '../http/fair-semaphore.js';
import { networkOf, Throttle } from '../http/registration-throttle.js';
import { iso } from '../schemas/serialization.js';

/** Bytes. Signed documents are a few KiB; the call is open to everybody. */
const REGISTER_BODY_LIMIT = 64 * 1024;

/**
 * Refused registrations of one address. Registration is open to everybody, and each attempt costs a query and often a
 * signature's verification (docs/taskcluster-compatibility.md#registration). Only refusals count, so that any number of
 * real machines behind one address register at full speed; and it is 503, because a real machine among the guessers
 * must try again.
 */
const REFUSALS = { burst: 200, eachCountsMs: 100 };

/**
 * Registrations of one process, in turn by address: one that sends a thousand at once puts itself off, and no other. As
 * many run as the workflow engine is called by one process at once; half of them may be of one address, so that real
 * fleets behind one are as quick. What waits holds its body, of 64 KiB at most.
 */
const PLACES = { atOnce: 32, atOnceEach: 16, waiting: 2_000, waitingEach: 500 };
/** Then there is still time to register before the caller gives up. */
const PLACE_TIMEOUT_MS = 6_000;

interface Registrant {
  readonly provider: Provider;
  readonly worker: Worker;
  /** Of the launch config that the worker was launched from; of a static worker, of its pool as it is now. */
  readonly workerConfig: Readonly<Record<string, unknown>>;
  readonly credentialsUsed: boolean;
}

export function addRegistrationOperations(api: FastifyInstance, context: ApiContext): void {
  const refusals = new Throttle(REFUSALS, 'Too many registrations were refused.', context.now);
  const places = new FairSemaphore(PLACES);
  addOperation(api, {
    name: 'registerWorker',
    category: 'Worker Interface',
    stability: 'stable',
    method: 'POST',
    path: '/worker/register',
    summary: 'A machine proves who it is, and gets credentials, a secret and its configuration',
    scopes: 'public',
    body: registerRequest,
    bodyLimit: REGISTER_BODY_LIMIT,
    mask: () => '(OMITTED)',
    response: registerResponse,
    handle: async ({ body, address, log }) => {
      const network = networkOf(address);
      refusals.assertAllowed(network);
      try {
        const passed = await places.run(network, PLACE_TIMEOUT_MS, () => {
          // Those before it may have been refused meanwhile.
          refusals.assertAllowed(network);
          return register(context, body, log);
        });
        if (!passed) throw new ApiError('TryAgain', 'Too many registrations wait for their turn.');
        return passed.result;
      } catch (error) {
        if (error instanceof LifecycleRejectedError || (error instanceof ApiError && error.status < 500))
          refusals.count(network);
        throw error;
      }
    },
  });
}

async function register(context: ApiContext, body: Static<typeof registerRequest>, log: Log) {
  const { lifecycles, deploymentKey, issuer, now } = context;
  const proof = body.workerIdentityProof as IdentityProof;
  const { provider, worker, workerConfig, credentialsUsed } = await findRegistrant(context, body, body.providerId, log);
  await verify(context, { provider, worker, proof }, log);
  // The engine gives a repeated update the first one's answer, so its id holds all that was proved. The generation is
  // part of it, because after a registration the same proof is a new question.
  const updateId = `register/${sha256Hex(JSON.stringify(proof))}/${worker.secretGeneration}`;
  const { secretGeneration, expires } = await lifecycles.register(worker, {
    updateId,
    credentialsUsed: credentialsUsed || (await hasClaimed(context, worker)),
    systemBootTime: body.systemBootTime === undefined ? null : parseInstant(body.systemBootTime),
  });
  return {
    expires: iso(expires),
    credentials: workerCredentials(issuer, worker, expires, now()),
    secret: workerSecret(deploymentKey, worker, secretGeneration),
    workerConfig,
  };
}

/** How long a machine that registers again waits for the queue's word on it. */
const QUEUE_TIMEOUT_MS = 3_000;

/**
 * Whether the queue has seen a running worker claim tasks, which takes credentials. Asked only when a registration is
 * repeated, after its proof holds: so no other worker costs a call or a signal. A queue that does not answer has seen
 * nothing: else its outage would refuse the machine whose first answer was lost.
 */
async function hasClaimed({ demand, now }: ApiContext, worker: Worker): Promise<boolean> {
  const { state, launchToken, registeredAt } = worker;
  if (state !== 'running' || launchToken === null || registeredAt === null) return false;
  // Later ones are refused anyhow.
  if (now() - registeredAt >= REGISTRATION_GRACE_MS) return false;
  try {
    const seen = await demand.worker(worker.workerPoolId, worker, AbortSignal.timeout(QUEUE_TIMEOUT_MS));
    return seen !== null && seen.firstClaimAt !== null;
  } catch {
    return false;
  }
}

/**
 * What the claim is judged by. Nothing of it comes from the body but the names that are read with
 * (ARCHITECTURE.md#launched-pool). A caller without proof learns no more than that there is no such worker: pool,
 * provider and worker are refused in the same words (docs/taskcluster-compatibility.md#registration).
 */
async function findRegistrant(context: ApiContext, key: WorkerKey, providerId: string, log: Log): Promise<Registrant> {
  const { db, providers, now } = context;
  const { pool, worker, workerConfig, credentialsUsedAt, hasOpenLaunch } = await registrationSnapshot(
    db,
    key,
    providerId,
  );
  const provider = providers.get(providerId);
  if (!pool || !provider) throw noSuchRegistrant();
  if (!worker) {
    // The machine may be quicker than our database. It must not be refused for that.
    if (hasOpenLaunch) throw new ApiError('TryAgain', 'A launch of this pool is being written down. Try again.');
    throw noSuchRegistrant();
  }
  if (worker.providerId !== providerId)
    throw await refused(context, log, worker, `it belongs to provider ${worker.providerId}`);
  if (worker.state === 'stopped') throw await refused(context, log, worker, 'it has stopped');
  if (worker.expires <= now()) throw await refused(context, log, worker, 'its time is over');
  return {
    provider,
    worker,
    workerConfig: (worker.launchConfigId === null ? pool.config.workerConfig : workerConfig) ?? {},
    credentialsUsed: credentialsUsedAt !== null,
  };
}

async function verify(
  context: ApiContext,
  { provider, worker, proof }: { provider: Provider; worker: Worker; proof: IdentityProof },
  log: Log,
): Promise<void> {
  try {
    await provider.verifyIdentity(worker, proof, context.now());
  } catch (error) {
    if (error instanceof IdentityError) throw await refused(context, log, worker, error.message);
    if (error instanceof ProviderError) logAbout(log, 'registration-undecided', worker, error.message);
    throw error;
  }
}

const noSuchRegistrant = () => notFound('There is no such worker to register.');

/** The answer does not say why; the log and the worker's evidence do, without the proof. */
async function refused({ db }: ApiContext, log: Log, worker: Worker, reason: string): Promise<ApiError> {
  logAbout(log, 'registration-refused', worker, reason);
  // Whether it can be recorded or not, it is refused.
  await recordRefusal(db, worker, reason).catch(() => {});
  return inputError('The registration was refused.');
}

function logAbout(log: Log, event: 'registration-refused' | 'registration-undecided', worker: Worker, reason: string) {
  const { workerPoolId, workerGroup, workerId, providerId } = worker;
  const ids = { workerPoolId, workerGroup, workerId, workflowId: lifecycleId(worker), providerId };
  logEvent(log, event, { ...ids, reason });
}
