import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AuthClients } from '../auth/clients.js';
import type { Logins } from '../auth/logins.js';
import { controlAuth } from '../auth/routes.js';
import { attestedDocument, controlAzure, type AzureControlContext } from '../azure/control.js';
import type { VirtualMachines } from '../azure/virtual-machines.js';
import type { Cloud } from '../ec2/cloud.js';
import { ec2Limits, type RequestLimits } from '../ec2/request-limits.js';
import { Refusal } from '../errors.js';
import type { Faults } from '../faults.js';
import { controlGoogle, identityToken, type GoogleControlContext } from '../google/control.js';
import type { GoogleMachines } from '../google/machines.js';
import { readJson, sendJson } from '../http/exchange.js';
import { identityFacts, renderIdentityDocument } from '../identity/metadata.js';
import type { RegionKeys } from '../identity/region-keys.js';
import type { Agents } from '../machines/agents.js';
import type { Fleet } from '../machines/fleet.js';
import type { Queue } from '../queue/queue.js';
import type { RequestLog } from '../request-log.js';
import { bucketSizes, count, faultRule, oneOf, optionalText, text, type Body } from './input.js';
import { googleMachineViews, instanceViews, summarize, virtualMachineViews, type MachineView } from './summary.js';

export interface ControlContext {
  readonly cloud: Cloud;
  readonly auth: { readonly clients: AuthClients; readonly logins: Logins };
  readonly queue: Queue;
  readonly fleet: Fleet;
  readonly azure: AzureControlContext;
  readonly virtualMachines: VirtualMachines;
  readonly google: GoogleControlContext;
  readonly googleMachines: GoogleMachines;
  readonly agents: Agents;
  readonly faults: Faults;
  readonly limits: RequestLimits;
  readonly keys: RegionKeys;
  readonly log: RequestLog;
  readonly setApi: (url: URL | null) => void;
  readonly changed: () => void;
  /** Forgets machines, tasks, tokens, faults and counts; keys stay. */
  readonly reset: () => void;
}

const MAX_TASKS = 100_000;
const MAX_WAIT_MS = 600_000;

/** `/simulator/…`: for tests, demos and the page. `path` follows `/simulator/`. */
export async function handleControl(
  context: ControlContext,
  path: string,
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const method = request.method ?? 'GET';
  const body = method === 'GET' ? {} : await readJson(request);
  const [resource = '', id = '', verb = ''] = path.split('/').map(decodeURIComponent);
  if (resource === 'auth') {
    return sendJson(response, 200, controlAuth(context.auth, `${method} ${id}`, verb, body));
  }
  if (resource === 'azure') {
    const value = controlAzure(context.azure, method, id, verb, body);
    if (method !== 'GET') context.changed();
    return sendJson(response, 200, value);
  }
  if (resource === 'google') {
    const value = await controlGoogle(context.google, method, id, verb, body);
    if (method !== 'GET') context.changed();
    return sendJson(response, 200, value);
  }
  sendJson(response, 200, await answer(context, `${method} ${resource}`, id, verb, query, body));
}

// oxlint-disable-next-line complexity -- one case for each route
async function answer(
  context: ControlContext,
  call: string,
  id: string,
  verb: string,
  query: URLSearchParams,
  body: Body,
): Promise<unknown> {
  switch (call) {
    case 'GET state':
      return summarize(allMachines(context), context.cloud.capacity(), context.queue, context.log);
    case 'GET identity-certificates':
      return context.keys.certificates();
    case 'POST tasks':
      return addTasks(context, body);
    case 'POST queue':
      return setQueue(context, body);
    case 'POST capacity':
      return setCapacity(context, body);
    case 'POST limits':
      context.limits.configure(body['like'] === 'ec2' ? ec2Limits : bucketSizes(body));
      return {};
    case 'POST api':
      context.setApi(readApi(body));
      return {};
    case 'POST reset':
      context.reset();
      return {};
    case 'GET machines':
      return id ? aboutMachine(context, id, verb, {}) : { machines: allMachines(context) };
    case 'POST machines':
      return verb === 'document' ? aboutMachine(context, id, verb, body) : actOnMachine(context, id, verb, body);
    case 'GET faults':
      return verb === 'hit' ? awaitHit(context, id, query) : { faults: context.faults.list() };
    case 'POST faults':
      if (verb === 'release') return context.faults.release(id, oneOf(body, 'how', ['go', 'drop'], 'go'));
      return context.faults.add(faultRule(body));
    case 'DELETE faults':
      if (id) context.faults.remove(id);
      else context.faults.clear();
      return {};
    default:
      throw new Refusal('ResourceNotFound', `there is no control ${call}`, 404);
  }
}

const allMachines = ({ cloud, agents, azure, google }: ControlContext): MachineView[] => [
  ...instanceViews(cloud, agents),
  ...virtualMachineViews(azure.arm, agents),
  ...googleMachineViews(google.compute, agents),
];

function addTasks(context: ControlContext, body: Body): unknown {
  const seconds = body['seconds'];
  if (seconds !== undefined && !(typeof seconds === 'number' && seconds >= 0)) {
    throw new Refusal('InputValidationError', 'seconds must be a number');
  }
  const tasks = count(body, 'count', 1);
  if (tasks > MAX_TASKS) throw new Refusal('InputValidationError', `count must be at most ${MAX_TASKS}`);
  const taskIds = context.queue.add(text(body, 'taskQueueId'), tasks, seconds === undefined ? null : seconds * 1000);
  context.changed();
  return { taskIds };
}

/**
 * `{taskQueueId?, counts?, silent?, ageMs?, claimTimeoutMs?}`: the workers’ instants become older by `ageMs`; counts
 * are said instead of the true ones, null: those again.
 */
function setQueue({ queue, agents }: ControlContext, body: Body): unknown {
  if (body['claimTimeoutMs'] !== undefined) agents.claimTimeoutMs = count(body, 'claimTimeoutMs');
  const { counts, silent } = body;
  if (body['ageMs'] !== undefined) queue.workers.age(text(body, 'taskQueueId'), count(body, 'ageMs'));
  if (counts !== undefined) {
    const said = (counts ?? null) as Body | null;
    const wrong = said && { pendingTasks: count(said, 'pendingTasks'), claimedTasks: count(said, 'claimedTasks') };
    queue.setWrongCounts(text(body, 'taskQueueId'), wrong);
  }
  if (silent !== undefined) queue.setSilent(text(body, 'taskQueueId'), silent === true);
  return {};
}

/** `{region, instanceType?, machines}`; machines null lifts the limit. */
function setCapacity(context: ControlContext, body: Body): unknown {
  const instanceType = optionalText(body, 'instanceType');
  const place = instanceType === null ? text(body, 'region') : `${text(body, 'region')}/${instanceType}`;
  context.cloud.limit(place, body['machines'] === null ? null : count(body, 'machines'));
  context.changed();
  return { capacity: context.cloud.capacity() };
}

function readApi(body: Body): URL | null {
  const url = optionalText(body, 'url');
  if (url !== null && !URL.canParse(url)) throw new Refusal('InputValidationError', 'url must be a URL');
  return url === null ? null : new URL(url);
}

async function awaitHit(context: ControlContext, id: string, query: URLSearchParams): Promise<unknown> {
  const hits = Number(query.get('hits') ?? 1);
  const timeoutMs = Number(query.get('timeoutMs') ?? 30_000);
  if (!Number.isInteger(hits) || !(timeoutMs >= 0 && timeoutMs <= MAX_WAIT_MS)) {
    throw new Refusal('InputValidationError', 'hits and timeoutMs must be numbers');
  }
  return context.faults.hit(id, hits, timeoutMs);
}

/**
 * A machine's identity document with a valid signature. With a body `{facts?, signedIn?}` other facts or another
 * region's key, which the real service would never give: what a thief or a forger might send.
 */
function aboutMachine(context: ControlContext, id: string, verb: string, body: Body): unknown {
  if (verb !== 'document') {
    const known = allMachines(context).find((one) => one.instanceId === id);
    if (!known) throw new Refusal('ResourceNotFound', `there is no machine ${id}`, 404);
    return known;
  }
  const vm = context.virtualMachines.find(id);
  if (vm) return attestedDocument(context.azure.keys(), vm, body);
  const machine = context.googleMachines.find(id);
  if (machine) return identityToken(context.google, machine, body);
  const instance = context.cloud.find(id, Date.now());
  if (!instance) throw new Refusal('ResourceNotFound', `there is no machine ${id}`, 404);
  const facts = { ...identityFacts(context.cloud, instance), ...(body['facts'] as Record<string, string> | undefined) };
  const signedIn = optionalText(body, 'signedIn') ?? instance.region;
  if (!context.keys.has(signedIn)) throw new Refusal('InputValidationError', `there is no region ${signedIn}`);
  const document = renderIdentityDocument(facts);
  return { document, signature: context.keys.sign(signedIn, document) };
}

async function actOnMachine(context: ControlContext, id: string, verb: string, body: Body): Promise<unknown> {
  const vm = context.virtualMachines.find(id);
  const machine = context.googleMachines.find(id);
  switch (verb) {
    case 'kill':
      if (machine) context.googleMachines.kill(machine, body['vanish'] === true);
      else if (vm) context.virtualMachines.kill(vm, body['vanish'] === true);
      else context.fleet.kill(id, body['vanish'] === true);
      context.changed();
      return {};
    case 'hide':
      if (!vm) throw new Refusal('ResourceNotFound', `Azure has no machine ${id}`, 404);
      context.virtualMachines.hide(vm, count(body, 'forMs'));
      return {};
    case 'register':
      return { registered: await context.agents.get(id).register() };
    case 'reregister':
      await context.agents.get(id).reregister();
      return {};
    case 'should-terminate':
      return { terminate: await context.agents.get(id).shouldTerminate() };
    case 'remove':
      await context.agents.get(id).remove();
      return {};
    case 'hang':
      context.agents.hang(id);
      return {};
    case 'shut-down':
      context.agents.get(id).shutDown();
      return {};
    default:
      throw new Refusal('ResourceNotFound', `machines have no ${verb}`, 404);
  }
}
