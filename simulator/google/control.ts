import { count, oneOf, optionalText, text, type Body } from '../control/input.js';
import { Refusal } from '../errors.js';
import { objectAt } from '../members.js';
import { uniqueIdOf } from './accounts.js';
import type { Compute } from './compute.js';
import { workerIdentity } from './identity.js';
import { signers, type GoogleKeys } from './keys.js';
import { identityClaims } from './metadata.js';
import { rateGroups, usualRates, type RateSizes, type RateWindows } from './rate-windows.js';
import { renderDisk, renderInstance, renderOperation } from './render.js';
import type { Instance, Properties } from './resource.js';
import { quotaMetrics } from './room.js';
import type { GoogleStore } from './store.js';

export interface GoogleControlContext {
  readonly compute: Compute;
  readonly windows: RateWindows;
  readonly keys: GoogleKeys;
}

/** `/simulator/google/<what>/<id>`, and what each call answers with. */
export async function controlGoogle(
  { compute, windows, keys }: GoogleControlContext,
  method: string,
  what: string,
  id: string,
  body: Body,
): Promise<unknown> {
  switch (`${method} ${what}`) {
    case 'GET state':
      return compute.run(stateOf);
    case 'GET service-account':
      return workerIdentity(compute.store.projects[0] ?? '');
    case 'POST service-accounts': {
      const email = text(body, 'email');
      compute.store.accounts.add(email);
      return { email, uniqueId: uniqueIdOf(email) };
    }
    case 'POST key-file':
      return keys.keyFile(text(body, 'email'), compute.store.projects[0] ?? '');
    case 'POST keys':
      await keys.rotate(body['drop'] === true);
      return {};
    case 'POST quota':
      setQuota(compute.store, body);
      return {};
    case 'POST zones':
      setZone(compute.store, body);
      return {};
    case 'POST ghosts':
      compute.store.ghosts = body['listed'] === true;
      return {};
    case 'POST limits':
      windows.configure(body['like'] === 'compute' ? usualRates : rateSizes(body));
      return {};
    case 'POST status':
      compute.run((store) => change(instanceOf(store, id), body));
      return {};
    case 'POST forget-operations':
      compute.run((store, nowMs) => store.purge(nowMs, 0));
      return {};
    default:
      throw new Refusal('ResourceNotFound', `there is no control ${method} google/${what}`, 404);
  }
}

const stateOf = (store: GoogleStore, nowMs: number): Properties => ({
  instances: [...store.instances()].map((one) => ({ ...renderInstance(store, one, nowMs), ghost: one.ghost })),
  disks: [...store.disks()].map((one) => renderDisk(store, one)),
  operations: [...store.running()].map((one) => renderOperation(store, one)),
});

/** `{region, metric, limit, as}`; limit null: none. */
function setQuota(store: GoogleStore, body: Body): void {
  const key = `${text(body, 'region')} ${oneOf(body, 'metric', quotaMetrics)}`;
  if (body['limit'] === null) store.quotas.delete(key);
  else
    store.quotas.set(key, { limit: count(body, 'limit'), as: oneOf(body, 'as', ['http', 'operation'], 'operation') });
}

/** `{zone, unreachable}`: `warning`, `refuse`, or null. */
function setZone(store: GoogleStore, body: Body): void {
  const zone = text(body, 'zone');
  if (!store.zones.includes(zone)) throw new Refusal('InputValidationError', `there is no zone ${zone}`);
  if (body['unreachable'] === null) store.unreachable.delete(zone);
  else store.unreachable.set(zone, oneOf(body, 'unreachable', ['warning', 'refuse']));
}

/** `{status}`: the one that it shows, null for its own again; `{unlabelled: true}`: its labels are taken away. */
function change(instance: Instance, body: Body): void {
  if ('status' in body) instance.shown = optionalText(body, 'status');
  if (body['unlabelled'] === true) instance.unlabelled = true;
}

function instanceOf(store: GoogleStore, id: string): Instance {
  const instance = store.instance(id);
  if (!instance) throw new Refusal('ResourceNotFound', `there is no machine ${id}`, 404);
  return instance;
}

const rateSizes = (body: Body): RateSizes =>
  Object.fromEntries(rateGroups.filter((group) => group in body).map((group) => [group, count(body, group)]));

/**
 * A machine's token. With a body `{audience?, claims?, computeEngine?, standard?, signedBy?}` one that the real service
 * would never give; a claim that is null is left out.
 */
export async function identityToken(
  { compute, keys }: GoogleControlContext,
  instance: Instance,
  body: Body,
): Promise<{ token: string }> {
  const claims = identityClaims(
    compute.store,
    instance,
    optionalText(body, 'audience') ?? '',
    body['standard'] !== true,
  );
  const computeEngine = without({
    ...objectAt(claims, 'google', 'compute_engine'),
    ...objectAt(body, 'computeEngine'),
  });
  const all = {
    ...claims,
    ...('google' in claims && { google: { compute_engine: computeEngine } }),
    ...objectAt(body, 'claims'),
  };
  return { token: await keys.sign(without(all), oneOf(body, 'signedBy', signers, 'google')) };
}

const without = (claims: Properties): Properties =>
  Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== null));
