import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { RequestLimits } from '../ec2/request-limits.js';
import { ConnectionLost, Refusal } from '../errors.js';
import type { Fault, Faults } from '../faults.js';
import { readJson, send } from '../http/exchange.js';
import type { RequestLog } from '../request-log.js';
import { perform, type ArmAnswer, type ArmCall } from './actions.js';
import type { Arm } from './arm.js';
import { faultTargetOf, tagsOf } from './fault-target.js';
import { charge } from './limits.js';
import { acceptsToken } from './login.js';
import { hashOf, resourceTypes, type Ending, type Operation, type Properties } from './resource.js';
import { parseTarget } from './target.js';

export interface ArmContext {
  readonly arm: Arm;
  readonly limits: RequestLimits;
  readonly faults: Faults;
  readonly log: RequestLog;
  readonly latencyMs: number;
  readonly pageSize: number;
  /** At the most; 0: answers carry no Retry-After, except those that are throttled. */
  readonly retryAfterSeconds: number;
  readonly changed: () => void;
}

/** One request of Azure Resource Manager's REST protocol; `path` follows `/azure`. */
// oxlint-disable-next-line complexity -- the steps of every request, in their order
export async function handleArm(
  context: ArmContext,
  path: string,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const secure = 'encrypted' in request.socket;
  const base = `${secure ? 'https' : 'http'}://${request.headers.host ?? '127.0.0.1'}/azure`;
  response.setHeader('x-ms-request-id', randomUUID());
  response.setHeader('x-ms-correlation-request-id', randomUUID());
  try {
    const body = request.method === 'PUT' || request.method === 'POST' ? await readJson(request) : {};
    if (!acceptsToken(request.headers.authorization, secure)) {
      throw new Refusal('InvalidAuthenticationToken', 'The access token is missing, invalid or expired.', 401);
    }
    const target = parseTarget(path);
    if (!url.searchParams.get('api-version')) {
      throw new Refusal(
        'MissingApiVersionParameter',
        'The api-version query parameter (?api-version=) is required for all requests.',
      );
    }
    const call = { method: request.method ?? 'GET', target, query: url.searchParams, body };
    const answer = await act(context, call, response);
    const next = answer.next == null ? {} : { nextLink: nextLink(base, path, url, answer.next) };
    if (answer.operation) addOperationHeaders(context, response, base, call, answer.operation, answer.status);
    if (answer.body) sendBody(response, answer.status, { ...answer.body, ...next });
    else response.writeHead(answer.status, { 'content-length': 0 }).end();
  } catch (error) {
    if (error instanceof ConnectionLost) {
      response.destroy();
      return;
    }
    if (!(error instanceof Refusal)) throw error;
    const { code, message, status, details, retryAfterSeconds } = error;
    if (retryAfterSeconds !== null) response.setHeader('retry-after', retryAfterSeconds);
    sendBody(response, status, { error: { code, message, ...(details.length > 0 && { details }) } });
  }
}

// oxlint-disable-next-line complexity -- each condition is an optional part of one line of the log
async function act(context: ArmContext, given: Omit<ArmCall, 'ending'>, response: ServerResponse): Promise<ArmAnswer> {
  const startedMs = performance.now();
  const { method, target, body } = given;
  const operation = `${method === 'GET' && target.name === null ? 'LIST' : method} ${target.kind}`;
  const fault = context.faults.strike({ operation, ...faultTargetOf(context.arm.store, target, body) });
  const { remaining, refusal } = charge(context.limits, method, target, response);
  const log = (outcome: string, details: Properties = {}): void =>
    context.log.write({
      kind: 'arm',
      operation,
      outcome,
      subscriptionId: target.subscriptionId,
      resourceGroup: target.resourceGroup,
      name: target.name,
      remaining,
      ...(method === 'PUT' && { parametersHash: hashOf(body) }),
      durationMs: Math.round(performance.now() - startedMs),
      ...(fault && { fault: fault.mode }),
      ...details,
    });
  let answer: ArmAnswer;
  try {
    if (refusal) throw refusal;
    await fault?.beforeActing();
    if (context.latencyMs > 0) await delay(context.latencyMs);
    const call = { ...given, ending: endingOf(fault) };
    answer = context.arm.run((store, nowMs) => perform(store, call, context.pageSize, nowMs));
  } catch (error) {
    if (error instanceof Refusal) {
      if (error.status === 429 && !response.hasHeader('retry-after')) response.setHeader('retry-after', 1);
      log(error.code, { status: error.status });
    } else if (error instanceof ConnectionLost) log('request lost');
    throw error;
  }
  if (method !== 'GET' && method !== 'HEAD') context.changed();
  const { status, created, tags } = answer;
  log('ok', {
    status,
    ...(answer.operation && { operationId: answer.operation.id }),
    ...(created?.length && { created }),
    ...((tags ?? target.kind === 'deployments') && method === 'PUT' && { tags: tags ?? tagsOf(body) }),
  });
  if (fault) {
    const begun = answer.operation;
    if (begun && fault.mode === 'stick-operation')
      fault.whenReleased((how) => endStuck(context.arm, begun, how, fault));
    await fault.beforeAnswering();
  }
  return answer;
}

/** Released, it succeeds; dropped, it fails with the fault's code. A deployment ends when its stuck machine does. */
function endStuck(arm: Arm, operation: Operation, how: 'go' | 'drop', fault: Fault): void {
  const ending: Ending =
    how === 'go' ? { how: 'succeed' } : { how: 'fail', failure: fault.failure('failed on purpose') };
  if (operation.kind !== 'deployments' || operation.method === 'DELETE') {
    arm.end(operation.id, ending);
    return;
  }
  // The machine may not have been begun yet.
  const deployment = arm.store.deployment(operation.targetId);
  if (deployment) deployment.endings.virtualMachines = ending;
  for (const { id, deploymentId, dueMs } of [...arm.store.pending()]) {
    if (deploymentId === operation.targetId && dueMs === null) arm.end(id, ending);
  }
}

function endingOf(fault: Fault | null): Ending {
  switch (fault?.mode) {
    case 'stick-operation':
      return { how: 'stick' };
    case 'fail-operation':
      return { how: 'fail', failure: fault.failure('The operation fails on purpose.') };
    case 'fail-provisioning':
      return { how: 'fail-running', failure: fault.failure('Provisioning fails on purpose.') };
    default:
      return { how: 'succeed' };
  }
}

/** PUT answers have Azure-AsyncOperation; deletions Location too, those of deployments nothing else. */
function addOperationHeaders(
  context: ArmContext,
  response: ServerResponse,
  base: string,
  { method, target }: Pick<ArmCall, 'method' | 'target'>,
  operation: Operation,
  status: number,
): void {
  const wait = operation.dueMs === null ? Infinity : (operation.dueMs - Date.now()) / 1000;
  const seconds = Math.max(1, Math.min(context.retryAfterSeconds, Math.ceil(wait)));
  if (context.retryAfterSeconds > 0) response.setHeader('retry-after', seconds);
  const { kind } = operation;
  const type = kind === 'deployments' ? 'Microsoft.Resources/deployments' : resourceTypes[kind];
  const namespace = type.slice(0, type.indexOf('/'));
  const place = `${base}/subscriptions/${target.subscriptionId}/providers/${namespace}/locations/any`;
  const link = (how: string): string => `${place}/${how}/${operation.id}?api-version=2024-01-01`;
  if (target.kind === 'operations') {
    if (status === 202) response.setHeader('location', link('operationResults'));
    return;
  }
  if (method !== 'DELETE' || kind !== 'deployments') response.setHeader('azure-asyncoperation', link('operations'));
  if (method === 'DELETE') response.setHeader('location', link('operationResults'));
}

function nextLink(base: string, path: string, url: URL, token: string): string {
  const query = new URLSearchParams(url.searchParams);
  query.set('$skiptoken', token);
  return `${base}/${path.replace(/^\//, '')}?${query.toString()}`;
}

const sendBody = (response: ServerResponse, status: number, body: Properties): void =>
  send(response, status, 'application/json; charset=utf-8', JSON.stringify(body));
