import { Type } from 'typebox';
import {
  anyObject,
  closed,
  continuationToken,
  identifier,
  instant,
  secret,
  workerPoolId,
  workerState,
} from './common.js';

export const workerFull = closed({
  workerPoolId,
  workerGroup: identifier,
  workerId: identifier,
  providerId: identifier,
  created: instant,
  expires: instant,
  state: workerState,
  capacity: Type.Integer({ minimum: 1 }),
  launchConfigId: Type.Optional(identifier),
  lastModified: instant,
  lastChecked: instant,
});
export const workerList = closed({ workers: Type.Array(workerFull), continuationToken });

export const staticWorkerRequest = closed({
  expires: instant,
  capacity: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 1 }),
  providerInfo: Type.Optional(closed({ staticSecret: secret })),
});

/** Exactly one of these, as fits the provider. */
const identityProof = Type.Union([
  closed({ token: Type.String() }),
  closed({ staticSecret: secret }),
  closed({ document: Type.String(), signature: Type.String() }),
  closed({ document: Type.String() }),
]);
export const registerRequest = closed({
  workerPoolId,
  providerId: identifier,
  workerGroup: identifier,
  workerId: identifier,
  workerIdentityProof: identityProof,
  systemBootTime: Type.Optional(instant),
});
export const reregisterRequest = closed({
  workerPoolId,
  workerGroup: identifier,
  workerId: identifier,
  secret,
});

const granted = {
  expires: instant,
  credentials: closed({ clientId: Type.String(), accessToken: Type.String(), certificate: Type.String() }),
  secret,
};
export const registerResponse = closed({ ...granted, workerConfig: anyObject });
export const reregisterResponse = closed(granted);

export const shouldTerminateResponse = closed({ terminate: Type.Boolean(), reason: Type.String() });
