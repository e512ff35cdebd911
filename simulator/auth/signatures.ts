import { createHmac } from 'node:crypto';
import hawk from 'hawk';
import { type AuthClients, satisfiesAll } from './clients.js';

/** The body of authenticateHawk. */
export interface HawkQuestion {
  readonly method: string;
  readonly resource: string;
  readonly host: string;
  readonly port: number;
  readonly authorization?: string;
  readonly sourceIp?: string;
}

export type HawkAnswer =
  | {
      readonly status: 'auth-success';
      readonly scheme: 'hawk';
      readonly clientId: string;
      readonly scopes: readonly string[];
      readonly expires: string;
      readonly hash?: string;
    }
  | {
      readonly status: 'no-auth';
      readonly scheme: 'none';
      readonly scopes: readonly string[];
      readonly expires: string;
    }
  | { readonly status: 'auth-failed'; readonly message: string };

const TIMESTAMP_SKEW_SECONDS = 15 * 60;
const CERTIFICATE_SKEW_MS = 5 * 60_000;
const MAX_SPAN_MS = 31 * 24 * 3600_000;
const ANONYMOUS_MS = 15 * 60_000;
const ANONYMOUS = 'assume:anonymous';
const NEVER_MS = Date.UTC(3000, 0);

interface Credentials {
  readonly key: string;
  readonly algorithm: 'sha256';
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly expiresMs: number;
}

/** Who signed the request, by header or by bewit; every call has the scopes of the role `anonymous` beside its own. */
export async function authenticateHawk(clients: AuthClients, question: HawkQuestion): Promise<HawkAnswer> {
  try {
    if (question.authorization !== undefined) return await ofHeader(clients, question, question.authorization);
    if (/^\/.*[?&]bewit=/.test(question.resource)) return await ofBewit(clients, question);
  } catch (error) {
    return { status: 'auth-failed', message: messageOf(error) };
  }
  const expires = new Date(Date.now() + ANONYMOUS_MS).toISOString();
  return { status: 'no-auth', scheme: 'none', scopes: clients.expand([ANONYMOUS]), expires };
}

async function ofHeader(clients: AuthClients, question: HawkQuestion, authorization: string): Promise<HawkAnswer> {
  const { method, resource: url, host, port } = question;
  const ext = /\bext="([^"]*)"/.exec(authorization)?.[1];
  const { credentials, artifacts } = await hawk.server.authenticate(
    { method: method.toUpperCase(), url, host, port, authorization },
    (clientId) => load(clients, clientId, ext),
    { timestampSkewSec: TIMESTAMP_SKEW_SECONDS },
  );
  return { ...success(credentials), ...(artifacts.hash && { hash: artifacts.hash }) };
}

async function ofBewit(clients: AuthClients, { method, resource: url, host, port }: HawkQuestion): Promise<HawkAnswer> {
  const bewit = Buffer.from(/[?&]bewit=([^&$]*)/.exec(url)?.[1] ?? '', 'base64').toString();
  const ext = bewit.split('\\')[3];
  const { credentials } = await hawk.server.authenticateBewit({ method: method.toUpperCase(), url, host, port }, (id) =>
    load(clients, id, ext),
  );
  return success(credentials);
}

const success = ({ clientId, scopes, expiresMs }: Credentials): HawkAnswer => ({
  status: 'auth-success',
  scheme: 'hawk',
  clientId,
  scopes,
  expires: new Date(expiresMs).toISOString(),
});

interface Ext {
  readonly certificate?: Certificate;
  readonly authorizedScopes?: readonly string[];
}

interface Certificate {
  readonly version: number;
  readonly scopes: readonly string[];
  readonly start: number;
  readonly expiry: number;
  readonly seed: string;
  readonly signature: string;
  /** Null and absent mean the same. */
  readonly issuer?: string | null;
}

function load(clients: AuthClients, clientId: string, encoded: string | undefined): Credentials {
  const nowMs = Date.now();
  const ext: Ext = encoded ? (JSON.parse(Buffer.from(encoded, 'base64').toString()) as Ext) : {};
  const { certificate, authorizedScopes } = ext;
  const issuer = clients.find(certificate?.issuer ?? clientId, nowMs);
  let { accessToken: key, scopes } = issuer;
  let expiresMs = issuer.expiresMs ?? NEVER_MS;
  if (certificate) {
    checkCertificate(certificate, clientId, issuer, nowMs);
    key = createHmac('sha256', key).update(certificate.seed).digest('base64url');
    scopes = certificate.scopes;
    expiresMs = Math.min(expiresMs, certificate.expiry);
  }
  if (authorizedScopes) {
    if (!satisfiesAll(clients.expand([...scopes, ANONYMOUS]), authorizedScopes)) {
      throw new Error('Supplied credentials do not satisfy authorizedScopes');
    }
    scopes = authorizedScopes;
  }
  return { key, algorithm: 'sha256', clientId, scopes: clients.expand([...scopes, ANONYMOUS]), expiresMs };
}

function checkCertificate(
  certificate: Certificate,
  clientId: string,
  issuer: { readonly accessToken: string; readonly scopes: readonly string[] },
  nowMs: number,
): void {
  if (typeof certificate !== 'object') throw new Error('ext.certificate must be a JSON object');
  const { version, start, expiry, scopes, seed } = certificate;
  const issuerId = certificate.issuer ?? null;
  if (version !== 1) throw new Error('ext.certificate.version must be 1');
  if (issuerId === clientId) throw new Error('ext.certificate.issuer must differ from the supplied clientId');
  if (start > nowMs + CERTIFICATE_SKEW_MS) throw new Error('ext.certificate.start > now');
  if (expiry < nowMs - CERTIFICATE_SKEW_MS) throw new Error('ext.certificate.expiry < now');
  if (expiry - start > MAX_SPAN_MS) throw new Error('ext.certificate cannot last longer than 31 days!');
  if (issuerId !== null && !satisfiesAll(issuer.scopes, [`auth:create-client:${clientId}`])) {
    throw new Error(`ext.certificate issuer \`${issuerId}\` doesn't have \`auth:create-client:${clientId}\``);
  }
  if (!satisfiesAll(issuer.scopes, scopes)) {
    throw new Error(`ext.certificate issuer doesn't satisfy all certificate scopes ${scopes.join(', ')}`);
  }
  const names = issuerId === null ? [] : [`clientId:${clientId}`, `issuer:${issuerId}`];
  const lines = ['version:1', ...names, `seed:${seed}`, `start:${start}`, `expiry:${expiry}`, 'scopes:', ...scopes];
  const signature = createHmac('sha256', issuer.accessToken).update(lines.join('\n')).digest('base64');
  if (signature !== certificate.signature) throw new Error('ext.certificate.signature is not valid');
}

/** As the real service says it: hawk's own refusals begin with their status. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { isBoom, isServer, output } = error as Error & {
    isBoom?: boolean;
    isServer?: boolean;
    output?: { payload: { error: string; message?: string } };
  };
  if (!isBoom || isServer || !output) return error.message;
  const { error: status, message } = output.payload;
  return message ? `${status}: ${message}` : status;
}
