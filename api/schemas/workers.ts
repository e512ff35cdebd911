import { Type } from 'typebox';
import {
  anyObject,
  closed,
  continuationToken,
  identifier,
  instant,
  secret,
  workerGroup,
  workerId,
  workerPoolId,
  workerState,
} from './common.js';
import { named } from './names.js';

export const workerFull = named(
  'worker-full',
  closed({
    workerPoolId,
    workerGroup,
    workerId,
    providerId: identifier,
    created: instant,
    expires: instant,
    state: workerState,
    capacity: Type.Integer({ minimum: 1 }),
    launchConfigId: Type.Optional(identifier),
    lastModified: instant,
    lastChecked: instant,
  }),
);
export const workerList = named('worker-list', closed({ workers: Type.Array(workerFull), continuationToken }));

/** Of a static worker whose request names none. */
export const USUAL_CAPACITY = 1;
export const staticWorkerRequest = named(
  'create-worker-request',
  closed({
    expires: instant,
    capacity: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, default: USUAL_CAPACITY })),
    providerInfo: Type.Optional(closed({ staticSecret: secret })),
  }),
);

/** Exactly one of these, as fits the provider. */
const identityProof = Type.Union([
  closed({ token: Type.String() }),
  closed({ staticSecret: secret }),
  closed({ document: Type.String(), signature: Type.String() }),
  closed({ document: Type.String() }),
]);
export const registerRequest = named(
  'register-worker-request',
  closed({
    workerPoolId,
    providerId: identifier,
    workerGroup,
    workerId,
    workerIdentityProof: identityProof,
    systemBootTime: Type.Optional(instant),
  }),
);
export const reregisterRequest = named(
  'reregister-worker-request',
  closed({
    workerPoolId,
    workerGroup,
    workerId,
    secret,
  }),
);

const granted = {
  expires: instant,
  credentials: closed({ clientId: Type.String(), accessToken: Type.String(), certificate: Type.String() }),
  secret,
};
export const registerResponse = named('register-worker-response', closed({ ...granted, workerConfig: anyObject }));
export const reregisterResponse = named('reregister-worker-response', closed(granted));

export const shouldTerminateResponse = named(
  'should-worker-terminate-response',
  closed({ terminate: Type.Boolean(), reason: Type.String() }),
);
