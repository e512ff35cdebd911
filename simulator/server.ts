import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { handleLoginPages, type LoginPagesContext } from './auth/login-routes.js';
import { handleAuth, type AuthContext } from './auth/routes.js';
import type { KeyAndCertificate } from './azure/certificates.js';
import { handleArm, type ArmContext } from './azure/endpoint.js';
import { handleLogin, type LoginContext } from './azure/login.js';
import { handleAzureMetadata } from './azure/metadata.js';
import { handleControl, type ControlContext } from './control/routes.js';
import { page } from './control/page.js';
import { handleEc2, type Ec2Context } from './ec2/endpoint.js';
import { ConnectionLost, Refusal } from './errors.js';
import { handleAccounts, handleCompute, type ComputeContext } from './google/endpoint.js';
import { handleCerts, handleOwnMetadata, handleToken, type GoogleIdentityContext } from './google/identity.js';
import { handleGoogleMetadata } from './google/metadata.js';
import { send, sendJson } from './http/exchange.js';
import { assertOwnCaller } from './http/own-callers.js';
import { handleMetadata } from './identity/metadata.js';
import { forward, type IngressContext } from './ingress/forward.js';
import { handleNotify, type NotifyContext } from './notify/routes.js';
import { handleQueue, type QueueContext } from './queue/routes.js';

export interface Contexts {
  readonly ec2: Ec2Context;
  readonly arm: ArmContext;
  readonly login: LoginContext;
  readonly compute: ComputeContext;
  readonly googleIdentity: GoogleIdentityContext;
  readonly auth: AuthContext;
  readonly loginPages: LoginPagesContext;
  readonly notify: NotifyContext;
  readonly queue: QueueContext;
  readonly ingress: IngressContext;
  readonly control: ControlContext;
}

const KEEP_ALIVE_TIMEOUT_MS = 10 * 60_000;

/** Everything behind one port, by the first part of the path; with `tls` the same over TLS. */
export function createSimulatorServer(contexts: Contexts, tls?: KeyAndCertificate): Server {
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    handle(contexts, request, response).catch((error: unknown) => fail(error, response));
  };
  const server = tls ? createTlsServer({ key: tls.privateKey, cert: tls.certificate }, answer) : createServer(answer);
  // A test may hold an answer for minutes, and stop a client for minutes that has a connection and has sent nothing.
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS;
  return server;
}

async function handle(contexts: Contexts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://simulator');
  const path = url.pathname;
  if (path === '/ec2' || path.startsWith('/ec2/')) return handleEc2(contexts.ec2, request, response);
  if (path.startsWith('/api/worker-manager/')) return forward(contexts.ingress, request, response);
  if (isTaskcluster(path)) return handleTaskcluster(contexts, path, url.searchParams, request, response);
  if (path.startsWith('/azure/')) return handleArm(contexts.arm, path.slice('/azure'.length), url, request, response);
  if (path.startsWith('/azure-login/')) {
    return handleLogin(contexts.login, path.slice('/azure-login/'.length), request, response);
  }
  if (path.startsWith('/azure-metadata/')) {
    const { arm, keys } = contexts.control.azure;
    return handleAzureMetadata(arm, keys, path.slice('/azure-metadata/'.length), url.searchParams, response);
  }
  if (isGoogle(path)) return handleGoogle(contexts, path, url.searchParams, request, response);
  if (path.startsWith('/metadata/')) {
    const { cloud, keys } = contexts.control;
    return handleMetadata(cloud, keys, path.slice('/metadata/'.length), response);
  }
  if (path.startsWith('/simulator/')) {
    assertOwnCaller(request);
    return handleControl(contexts.control, path.slice('/simulator/'.length), url.searchParams, request, response);
  }
  if (path === '/') return send(response, 200, 'text/html; charset=utf-8', page);
  throw new Refusal('ResourceNotFound', 'there is nothing here', 404);
}

/** The other services of a deployment that the product calls, and the login pages of its web server. */
const isTaskcluster = (path: string): boolean => /^\/(api\/(auth|queue|notify)\/v1|login\/oauth)\//.test(path);

async function handleTaskcluster(
  { auth, loginPages, queue, notify }: Contexts,
  path: string,
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const after = (prefix: string): string => path.slice(prefix.length);
  if (path.startsWith('/api/auth/v1/')) {
    return handleAuth(auth, after('/api/auth/v1/'), request, response);
  }
  if (path.startsWith('/login/oauth/')) {
    return handleLoginPages(loginPages, after('/login/oauth/'), query, request, response);
  }
  if (path.startsWith('/api/queue/v1/')) {
    return handleQueue(queue, after('/api/queue/v1/'), request, response);
  }
  return handleNotify(notify, after('/api/notify/v1/'), request, response);
}

/**
 * Google's client takes a host and a port and no path before its own, so these are where the real services have them.
 */
const isGoogle = (path: string): boolean =>
  /^\/(compute\/v1\/projects|v1\/projects|oauth2\/v[13]\/certs|computeMetadata\/v1|google-metadata)\b/.test(path) ||
  ['/token', '/v1/token'].includes(path);

async function handleGoogle(
  { compute, googleIdentity }: Contexts,
  path: string,
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const after = (prefix: string): string => path.slice(prefix.length);
  if (path.startsWith('/compute/')) {
    return handleCompute(compute, after('/compute/v1/projects/'), query, request, response);
  }
  if (path.startsWith('/v1/projects/'))
    return handleAccounts(compute, after('/v1/projects/'), query, request, response);
  if (path.startsWith('/oauth2/')) return handleCerts(googleIdentity, path.split('/')[2] ?? '', response);
  if (path.startsWith('/google-metadata/')) {
    const rest = after('/google-metadata/');
    return handleGoogleMetadata(compute.compute, compute.keys, rest, query, request, response);
  }
  if (path.startsWith('/computeMetadata/')) {
    return handleOwnMetadata(googleIdentity, after('/computeMetadata/v1/'), request, response);
  }
  return handleToken(googleIdentity, request, response);
}

function fail(error: unknown, response: ServerResponse): void {
  if (error instanceof ConnectionLost) {
    response.destroy();
    return;
  }
  if (error instanceof Refusal) {
    sendJson(response, error.status, { code: error.code, message: error.message });
    return;
  }
  console.error(error);
  if (response.headersSent) response.destroy();
  else sendJson(response, 500, { code: 'InternalError', message: 'the simulator failed; its error output says how' });
}
