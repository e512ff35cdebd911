import { errors, type JWTPayload, jwtVerify, type JWTVerifyGetKey } from 'jose';
import { isObject } from '../../domain/values.js';
import type { Worker } from '../../domain/worker.js';
import { IdentityError, ProviderError } from '../errors.js';
import type { IdentityProof } from '../provider.js';

/** A token has about 1,300 characters. */
const MAX_TOKEN_LENGTH = 8_192;
/** How far Google's, the machine's and our own clock may be apart. */
const CLOCK_SKEW_SECONDS = 300;
/** Longest life of a token ("Verifying the identity of instances"). */
const MAX_LIFETIME_SECONDS = 3_600;
const ISSUERS = ['https://accounts.google.com', 'accounts.google.com'];

export interface IdentityOptions {
  /** The deployment's root URL: the audience that worker-runner requests. */
  readonly audience: string;
  /** Unique id of the account that machines run as. */
  readonly serviceAccountId: string;
  readonly keys: JWTVerifyGetKey;
}

/**
 * Resolves when the token is of this worker's machine: signed by Google for this deployment, and each fact in it is the
 * row's. Throws IdentityError; ProviderError(Unavailable) when Google's keys cannot be had, for then nobody can say.
 */
export async function verifyToken(
  worker: Worker,
  { token }: IdentityProof,
  nowMs: number,
  options: IdentityOptions,
): Promise<void> {
  if (typeof token !== 'string' || token.length === 0) throw new IdentityError('no identity token');
  if (token.length > MAX_TOKEN_LENGTH) throw new IdentityError('the identity token is too long');
  const claims = await verifiedClaims(token, nowMs, options);
  assertLifetime(claims);
  if (claims.sub !== options.serviceAccountId) throw new IdentityError('the token is of another service account');
  assertMachine(worker, claims);
}

async function verifiedClaims(token: string, nowMs: number, { audience, keys }: IdentityOptions): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, keys, {
      algorithms: ['RS256'],
      issuer: ISSUERS,
      audience,
      clockTolerance: CLOCK_SKEW_SECONDS,
      requiredClaims: ['exp', 'iat', 'sub'],
      currentDate: new Date(nowMs),
    });
    return payload;
  } catch (error) {
    if (error instanceof ProviderError) throw error;
    if (error instanceof errors.JOSEError) throw new IdentityError(`the token does not hold: ${error.code}`);
    // jose throws other errors for texts that are no token at all.
    throw new IdentityError('the token cannot be read');
  }
}

function assertLifetime({ iat, exp }: JWTPayload): void {
  const lifetime = Number(exp) - Number(iat);
  if (!(lifetime >= 0 && lifetime <= MAX_LIFETIME_SECONDS + CLOCK_SKEW_SECONDS)) {
    throw new IdentityError('the token is valid for longer than Google makes them');
  }
}

function assertMachine({ location, workerGroup, workerId, identityAttributes }: Worker, claims: JWTPayload): void {
  const machine = (Object(claims['google']) as { compute_engine?: unknown }).compute_engine;
  if (!isObject(machine)) throw new IdentityError('the token is of no machine');
  const { project_id, zone, instance_id, instance_name, instance_creation_timestamp } = machine;
  if (project_id !== location.account) throw new IdentityError('project_id is not the machine’s');
  if (zone !== workerGroup) throw new IdentityError('zone is not the worker’s');
  // Text, and longer than a number can be exact.
  if (instance_id !== workerId) throw new IdentityError('instance_id is not the worker’s');
  if (instance_name !== identityAttributes.name) throw new IdentityError('instance_name is not the machine’s');
  const created = Date.parse(identityAttributes.creationTimestamp ?? '') / 1_000;
  const claimed = typeof instance_creation_timestamp === 'number' ? instance_creation_timestamp : Number.NaN;
  if (!(Math.abs(claimed - created) <= CLOCK_SKEW_SECONDS)) {
    throw new IdentityError('instance_creation_timestamp is not the machine’s');
  }
}
