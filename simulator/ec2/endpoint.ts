import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { ConnectionLost, Refusal } from '../errors.js';
import type { Faults } from '../faults.js';
import { readBody, send } from '../http/exchange.js';
import type { RequestLog } from '../request-log.js';
import { perform } from './actions.js';
import type { Performed } from './performed.js';
import type { Cloud } from './cloud.js';
import { Parameters } from './parameters.js';
import type { RequestLimits } from './request-limits.js';
import { document, element, errorDocument } from './xml.js';

export interface Ec2Context {
  readonly cloud: Cloud;
  readonly regions: readonly string[];
  readonly limits: RequestLimits;
  readonly faults: Faults;
  readonly log: RequestLog;
  readonly latencyMs: number;
  /** Called after every action that created or ended machines, before it is logged and answered. */
  readonly onChange: (performed: Performed) => void;
}

/** One request of EC2's query protocol, at `/ec2` or `/ec2/<region>`. Signatures are not checked. */
export async function handleEc2(
  context: Ec2Context,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const requestId = randomUUID();
  response.setHeader('x-amzn-requestid', requestId);
  const parameters = new Parameters((await readBody(request)).toString());
  const action = parameters.get('Action') ?? '';
  try {
    const region = readRegion(request, context.regions);
    const body = await answer(context, { action, region, parameters, requestId });
    send(response, 200, 'text/xml;charset=UTF-8', document(`${action}Response`, element('requestId', requestId), body));
  } catch (error) {
    if (error instanceof ConnectionLost) {
      response.destroy();
      return;
    }
    if (!(error instanceof Refusal)) throw error;
    send(response, error.status, 'text/xml;charset=UTF-8', errorDocument(error.code, error.message, requestId));
  }
}

interface Ec2Call {
  readonly action: string;
  readonly region: string;
  readonly parameters: Parameters;
  readonly requestId: string;
}

async function answer(context: Ec2Context, { action, region, parameters, requestId }: Ec2Call): Promise<string> {
  const startedMs = performance.now();
  const log = (outcome: string, details: Readonly<Record<string, unknown>> = {}): void =>
    context.log.write({
      kind: 'ec2',
      operation: action,
      outcome,
      region,
      requestId,
      clientToken: parameters.get('ClientToken') ?? null,
      parametersHash: parameters.hash(),
      durationMs: Math.round(performance.now() - startedMs),
      ...details,
    });
  const fault = context.faults.strike({ operation: action, region, workerIds: parameters.list('InstanceId') });
  const during = fault ? { fault: fault.mode } : {};
  let performed: Performed;
  try {
    if (!context.limits.acquire(region, action, Date.now())) {
      throw new Refusal('RequestLimitExceeded', 'Request limit exceeded.', 503);
    }
    await fault?.beforeActing();
    if (context.latencyMs > 0) await delay(context.latencyMs);
    performed = perform(action, context.cloud, region, context.regions, parameters);
  } catch (error) {
    if (error instanceof Refusal) log(error.code, during);
    else if (error instanceof ConnectionLost) log('request lost', during);
    throw error;
  }
  if (fault?.mode === 'end-machines') endAtOnce(context.cloud, performed.created ?? [], fault.code);
  const { created, terminated, details } = performed;
  context.onChange(performed);
  log('ok', { ...during, ...details, ...(created && { created }), ...(terminated && { terminated }) });
  await fault?.beforeAnswering();
  return performed.body;
}

/** As EC2 ends machines whose volumes it cannot decrypt, for one: the launch succeeds, the machines never run. */
function endAtOnce(cloud: Cloud, instanceIds: readonly string[], code: string): void {
  const nowMs = Date.now();
  for (const instanceId of instanceIds) {
    const instance = cloud.find(instanceId, nowMs);
    if (instance) cloud.end(instance, 'terminate', { code, message: 'The machine was ended at launch' }, nowMs);
  }
}

/** From the path, or else from the credential scope of the signature: `Credential=<key>/<day>/<region>/ec2/…`. */
function readRegion(request: IncomingMessage, regions: readonly string[]): string {
  const inPath = /^\/ec2\/([a-z0-9-]+)\/?(?:\?|$)/.exec(request.url ?? '')?.[1];
  const scope = /Credential=[^/,\s]*\/\d{8}\/([a-z0-9-]+)\/ec2\//.exec(request.headers.authorization ?? '')?.[1];
  const region = inPath ?? scope;
  if (region === undefined) {
    throw new Refusal(
      'MissingAuthenticationToken',
      'The request names no region, neither in its path nor in a signature.',
      403,
    );
  }
  if (!regions.includes(region)) {
    throw new Refusal('AuthFailure', `The region ${region} is not enabled here.`, 401);
  }
  return region;
}
