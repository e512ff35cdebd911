import type { IncomingMessage, ServerResponse } from 'node:http';
import { Refusal } from '../errors.js';
import type { Call, Fault } from '../faults.js';
import { readJson, sendJson } from '../http/exchange.js';
import { objectAt } from '../members.js';
import { findOperation, perform, type ComputeAnswer } from './actions.js';
import { attend, type Attended, type Surroundings } from './attend.js';
import type { Compute } from './compute.js';
import { errorBody, faultError } from './errors.js';
import { applyMask } from './field-mask.js';
import type { GoogleKeys } from './keys.js';
import { poolIn, type Disturbance } from './launch.js';
import { regionOf } from './places.js';
import type { RateWindows } from './rate-windows.js';
import { renderOperation } from './render.js';
import { textAt, type Properties } from './resource.js';
import { parseTarget, type Target } from './target.js';
import { callerOf } from './tokens.js';

export interface ComputeContext extends Surroundings {
  readonly compute: Compute;
  readonly windows: RateWindows;
  readonly keys: GoogleKeys;
  readonly changed: () => void;
}

/** As the real one: an operation is waited for so long, then answered as it is. */
const WAIT_MS = 120_000;

/** One request of Compute Engine's REST protocol; `path` follows `/compute/v1/projects/`. */
export function handleCompute(
  context: ComputeContext,
  path: string,
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  return answer(context, () => parseTarget(request.method ?? 'GET', path), query, request, response);
}

/** The one request of the IAM API that a worker manager makes; `path` follows `/v1/projects/`. */
export function handleAccounts(
  context: ComputeContext,
  path: string,
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [project = '', collection, name = null, ...rest] = path.split('/').map(decodeURIComponent);
  const target = { operation: 'serviceAccounts.get', project, zone: null, region: null, name };
  const parse = (): Target => {
    if (request.method === 'GET' && collection === 'serviceAccounts' && rest.length === 0) return target;
    throw new Refusal('notFound', 'Nothing is simulated here.', 404);
  };
  return answer(context, parse, query, request, response);
}

async function answer(
  context: ComputeContext,
  parse: () => Target,
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const user = callerOf(request.headers.authorization, context.keys.accounts);
    const target = parse();
    const body = /insert$/i.test(target.operation) ? await readJson(request) : {};
    const value = await act(context, target, query, body, user);
    sendJson(response, 200, applyMask(value, maskOf(request, query)));
  } catch (error) {
    sendError(error, response);
  }
}

/** In Google's form; throws what is no refusal. */
export function sendError(error: unknown, response: ServerResponse): void {
  if (!(error instanceof Refusal)) throw error;
  if (error.retryAfterSeconds !== null) response.setHeader('retry-after', error.retryAfterSeconds);
  sendJson(response, error.status, errorBody(error));
}

function maskOf({ headers }: IncomingMessage, query: URLSearchParams): string | null {
  const header = headers['x-goog-fieldmask'];
  return (typeof header === 'string' ? header : null) ?? query.get('fields') ?? query.get('$fields');
}

function act(
  context: ComputeContext,
  target: Target,
  query: URLSearchParams,
  body: Properties,
  user: string,
): Promise<Properties> {
  const { compute, windows } = context;
  const { operation, project, zone, name } = target;
  const concern = faultTargetOf(compute, target, body);
  const about = {
    project,
    zone,
    region: zone === null ? target.region : regionOf(zone),
    name,
    requestId: query.get('requestId'),
    ...(query.has('filter') && { filter: query.get('filter') }),
    user,
    workerPoolId: concern.workerPoolId ?? null,
  };
  return attend(
    context,
    { operation, ...concern, filter: query.get('filter') },
    about,
    async (fault): Promise<Attended<Properties>> => {
      windows.charge(target, Date.now());
      if (operation === 'zoneOperations.wait') {
        await compute.ended(findOperation(compute.store, target).name, WAIT_MS);
        return { value: compute.run((store) => renderOperation(store, findOperation(store, target))) };
      }
      const disturbance = disturbanceOf(fault);
      const answered = compute.run((store, nowMs) => {
        windows.checkConcurrency(store, target);
        return perform(store, { target, query, body, user, disturbance }, nowMs);
      });
      if (answered.begun) {
        context.changed();
        if (fault) followStuck(compute, fault, answered);
      }
      return { value: answered.body, details: detailsOf(answered) };
    },
  );
}

/** By what a fault may choose a call: numbers and names in it, its pool, and its zone. */
function faultTargetOf({ store }: Compute, { zone, project, name }: Target, body: Properties): Omit<Call, 'operation'> {
  const instance = zone === null || name === null ? undefined : store.find(project, zone, name);
  const order = instance ? store.orderOf(instance) : store.order(store.operation(name ?? '')?.orderId ?? null);
  const sent = poolIn(objectAt(body, 'instanceProperties')) ?? poolIn(body);
  const names = [
    ...[name, textAt(body, 'name'), instance?.id, instance?.name],
    ...Object.keys(objectAt(body, 'perInstanceProperties')),
  ];
  return {
    ...(zone !== null && { region: zone }),
    workerIds: names.filter((one): one is string => typeof one === 'string'),
    workerPoolId: sent ?? order?.workerPoolId ?? null,
  };
}

function disturbanceOf(fault: Fault | null): Disturbance {
  const errors = fault?.mode === 'fail-operation' ? [faultError(fault.failure('The operation fails on purpose.'))] : [];
  return { stuck: fault?.mode === 'stick-operation', errors, machines: fault?.machines ?? null };
}

/** Released, it ends as planned; dropped, it fails with the fault's code. */
function followStuck(compute: Compute, fault: Fault, { begun }: ComputeAnswer): void {
  if (fault.mode !== 'stick-operation' || !begun || begun.repeated) return;
  fault.whenReleased((how) =>
    compute.end(begun.operation.name, how === 'go' ? undefined : [faultError(fault.failure('Failed on purpose.'))]),
  );
}

function detailsOf({ begun }: ComputeAnswer): Properties {
  if (!begun) return {};
  const { operation, repeated, targets, order } = begun;
  return {
    operationId: operation.name,
    ...(repeated && { repeated }),
    ...(targets && { targets }),
    ...(order && { labels: order.labels, workerPoolId: order.workerPoolId }),
  };
}
