import type { IncomingMessage, ServerResponse } from 'node:http';
import { Refusal } from '../errors.js';
import { sendText } from '../http/exchange.js';
import { listAt, objectAt } from '../members.js';
import { uniqueIdOf, workerAccount } from './accounts.js';
import type { Compute } from './compute.js';
import { assertFlavor } from './identity.js';
import type { GoogleKeys } from './keys.js';
import { projectNumber } from './places.js';
import { renderInstance } from './render.js';
import { textAt, type Instance, type Order, type Properties } from './resource.js';
import type { GoogleStore } from './store.js';

const TOKEN_SECONDS = 3600;

/** The metadata server; each machine has its own at `/google-metadata/<id>/computeMetadata/v1/`. */
export async function handleGoogleMetadata(
  compute: Compute,
  keys: GoogleKeys,
  path: string,
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [id = '', root, version, ...rest] = path.split('/');
  const instance = compute.run((store) => store.instance(id));
  if (!instance || instance.ghost || instance.power === 'off' || root !== 'computeMetadata' || version !== 'v1') {
    throw new Refusal('NotFound', 'no such machine is running', 404);
  }
  assertFlavor(request, response);
  const item = rest.join('/');
  if (/^instance\/service-accounts\/[^/]+\/identity$/.test(item)) {
    const claims = identityClaims(compute.store, instance, query.get('audience') ?? '', query.get('format') === 'full');
    return sendText(response, await keys.sign(claims));
  }
  sendText(response, readItem(compute.store, instance, item));
}

function readItem(store: GoogleStore, instance: Instance, item: string): string {
  const order = store.orderOf(instance);
  const { project, zone, properties } = order;
  const [nic] = listAt(renderInstance(store, instance, Date.now()), 'networkInterfaces');
  const key = /^instance\/attributes\/(.+)$/.exec(item)?.[1];
  const items = listAt(objectAt(properties, 'metadata'), 'items');
  const numbered = `projects/${projectNumber(project)}`;
  const values: Record<string, string | null> = {
    'project/project-id': project,
    'project/numeric-project-id': projectNumber(project),
    'instance/id': instance.id,
    'instance/name': instance.name,
    'instance/hostname': instance.hostname ?? `${instance.name}.${zone}.c.${project}.internal`,
    'instance/zone': `${numbered}/zones/${zone}`,
    'instance/machine-type': `${numbered}/machineTypes/${order.machineType}`,
    'instance/image': textAt(objectAt(listAt(properties, 'disks')[0], 'initializeParams'), 'sourceImage') ?? '',
    'instance/preempted': instance.power === 'stopping' ? 'TRUE' : 'FALSE',
    'instance/network-interfaces/0/ip': textAt(nic, 'networkIP'),
    'instance/network-interfaces/0/access-configs/0/external-ip': textAt(listAt(nic, 'accessConfigs')[0], 'natIP'),
    'instance/service-accounts/default/email': accountOf(order),
  };
  const value =
    key === undefined
      ? values[item]
      : textAt(
          items.find((one) => one['key'] === key),
          'value',
        );
  if (value === undefined || value === null) throw new Refusal('NotFound', `no metadata ${item}`, 404);
  return value;
}

function accountOf({ project, properties }: Order): string | null {
  const email = textAt(listAt(properties, 'serviceAccounts')[0], 'email');
  return email === 'default' ? workerAccount(project) : email;
}

/** What a machine's identity token says; without a service account there is none. */
export function identityClaims(store: GoogleStore, instance: Instance, audience: string, full: boolean): Properties {
  const order = store.orderOf(instance);
  const email = accountOf(order);
  if (email === null) throw new Refusal('NotFound', 'the machine has no service account', 404);
  const nowSeconds = Math.floor(Date.now() / 1000);
  return {
    aud: audience,
    azp: uniqueIdOf(email),
    exp: nowSeconds + TOKEN_SECONDS,
    iat: nowSeconds,
    iss: 'https://accounts.google.com',
    sub: uniqueIdOf(email),
    ...(full && {
      email,
      email_verified: true,
      google: {
        compute_engine: {
          instance_creation_timestamp: Math.floor(order.createdMs / 1000),
          instance_id: instance.id,
          instance_name: instance.name,
          project_id: order.project,
          project_number: Number(projectNumber(order.project)),
          zone: order.zone,
        },
      },
    }),
  };
}
