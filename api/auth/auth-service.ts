import { isIP } from 'node:net';
import { Ajv } from 'ajv';
import { type Static, Type } from 'typebox';
import { Semaphore } from '../../temporal/semaphore.js';
import { type Authenticated, AuthenticationError } from './client.js';
import type { HostAndPort } from './hawk.js';
import { hasBewit, type Presented } from './signature.js';

/** For one request, from its arrival to the answer; waiting for a place among the others is part of it. */
const CHECK_TIMEOUT_MS = 5_000;
/** Requests of one process that are with the auth service at once. */
const MAX_CHECKS = 50;
/** Scopes of a client with all roles expanded are some hundred kilobytes in the largest deployments. */
const MAX_ANSWER_BYTES = 10 * 1024 * 1024;
/** Characters that are repeated to the caller; a refusal may list all scopes of a client. */
const MAX_MESSAGE_LENGTH = 4_000;
const REPORT_INTERVAL_MS = 60_000;

/** The auth service says nothing about a request, or nothing that can be understood: later it may. */
export class AuthServiceUnavailableError extends Error {
  override readonly name = 'AuthServiceUnavailableError';
}

/** A request whose sender is to be known. */
export interface Question extends Presented {
  readonly method: string;
  /** Where it came from; only for the auth service's own log. */
  readonly address: string;
  /** Where the client may have thought that it sent it, the likeliest first. Each costs a call until one holds. */
  readonly hosts: readonly HostAndPort[];
}

const scopes = Type.Array(Type.String({ pattern: '^[\\x20-\\x7e]*$' }));
const answerSchema = Type.Union([
  Type.Object({
    status: Type.Literal('auth-success'),
    clientId: Type.String({ minLength: 1 }),
    scheme: Type.String(),
    scopes,
    hash: Type.Optional(Type.String({ minLength: 1 })),
  }),
  Type.Object({ status: Type.Literal('no-auth'), scopes }),
  Type.Object({ status: Type.Literal('auth-failed'), message: Type.String() }),
]);
type Answer = Static<typeof answerSchema>;
const isAnswer = new Ajv().compile<Answer>(answerSchema);

/**
 * Taskcluster's auth service, which checks one request at a time. Nothing of an answer is kept: it says that this
 * signature holds, and the next request of the same client has another.
 */
export class AuthService {
  readonly #url: string;
  readonly #places = new Semaphore(MAX_CHECKS);
  readonly #report: (failure: { reason: string; failures: number }) => void;
  #failures = 0;
  #reportedAtMs = -Infinity;

  /** `report` hears of failures, once a minute at the most. */
  constructor(rootUrl: string, report: (failure: { reason: string; failures: number }) => void) {
    this.#url = authenticateHawkUrl(rootUrl);
    this.#report = report;
  }

  /**
   * Throws AuthenticationError where the auth service refuses, AuthServiceUnavailableError where it does not answer.
   */
  async authenticate(question: Question): Promise<Authenticated> {
    const deadlineMs = performance.now() + CHECK_TIMEOUT_MS;
    try {
      const answered = await this.#places.run(CHECK_TIMEOUT_MS, () => check(this.#url, question, deadlineMs));
      if (!answered) throw new AuthServiceUnavailableError('too many requests wait for it');
      return answered.result;
    } catch (error) {
      if (error instanceof AuthServiceUnavailableError) this.#failed(error.message);
      throw error;
    }
  }

  #failed(reason: string): void {
    this.#failures += 1;
    const nowMs = performance.now();
    if (nowMs - this.#reportedAtMs < REPORT_INTERVAL_MS) return;
    this.#report({ reason, failures: this.#failures });
    this.#failures = 0;
    this.#reportedAtMs = nowMs;
  }
}

const authenticateHawkUrl = (rootUrl: string): string => `${rootUrl.replace(/\/$/, '')}/api/auth/v1/authenticate-hawk`;

async function check(url: string, question: Question, deadlineMs: number): Promise<Authenticated> {
  let refusal: AuthenticationError | null = null;
  for (const host of question.hosts) {
    const answer = await checkFor(url, question, host, deadlineMs);
    if (answer.status !== 'auth-failed') return toAuthenticated(answer, isSigned(question));
    refusal ??= new AuthenticationError(answer.message.slice(0, MAX_MESSAGE_LENGTH));
  }
  throw refusal ?? new AuthenticationError('The request has no valid Host header.');
}

/** A header that it did not see, or a client that nobody showed, is no answer to the question. */
function toAuthenticated(answer: Exclude<Answer, { status: 'auth-failed' }>, signed: boolean): Authenticated {
  if ((answer.status === 'auth-success') !== signed) {
    throw new AuthServiceUnavailableError(`an answer ${answer.status} to another request`);
  }
  if (answer.status === 'no-auth') return { clientId: null, scopes: answer.scopes };
  return { clientId: answer.clientId, scopes: answer.scopes, payloadHash: answer.hash };
}

async function checkFor(url: string, question: Question, host: HostAndPort, deadlineMs: number): Promise<Answer> {
  const signal = AbortSignal.timeout(Math.max(0, Math.ceil(deadlineMs - performance.now())));
  const body = JSON.stringify({
    method: question.method.toLowerCase(),
    resource: question.url,
    host: host.host,
    port: host.port,
    ...(question.authorization !== undefined && { authorization: question.authorization }),
    ...(isIP(question.address) !== 0 && !question.address.includes('%') && { sourceIp: question.address }),
  });
  try {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'error' });
    return await readAnswer(response);
  } catch (error) {
    throw error instanceof AuthServiceUnavailableError
      ? error
      : new AuthServiceUnavailableError(reasonOf(error, signal));
  }
}

async function readAnswer(response: Response): Promise<Answer> {
  if (response.status !== 200 || !response.body) {
    await response.body?.cancel();
    throw new AuthServiceUnavailableError(`status ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new AuthServiceUnavailableError(`more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  const answer = parseJson(Buffer.concat(chunks).toString());
  if (!isAnswer(answer)) throw new AuthServiceUnavailableError('an answer that authenticateHawk does not give');
  return answer;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new AuthServiceUnavailableError('an answer that is no JSON');
  }
}

/** A connection's error says no more than its code: nothing of the request is in it. */
function reasonOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return `no answer within ${CHECK_TIMEOUT_MS / 1000} seconds`;
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause ? `no answer (${String(cause.code)})` : 'no answer';
}

const isSigned = (question: Presented): boolean => question.authorization !== undefined || hasBewit(question);
