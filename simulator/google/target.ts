import { Refusal } from '../errors.js';

/** What a call is about, by its path. */
export interface Target {
  /** As the API's own description names it: `instances.bulkInsert`. */
  readonly operation: string;
  readonly project: string;
  readonly zone: string | null;
  readonly region: string | null;
  /** Last in the path: a machine's number or name, an operation's name, … */
  readonly name: string | null;
}

/** Method and path after the project; `:x` stands for one part. */
const routes: Readonly<Record<string, string>> = {
  'GET ': 'projects.get',
  'GET zones': 'zones.list',
  'GET zones/:zone': 'zones.get',
  'GET regions/:region': 'regions.get',
  'GET aggregated/instances': 'instances.aggregatedList',
  'GET aggregated/disks': 'disks.aggregatedList',
  'GET zones/:zone/instances': 'instances.list',
  'POST zones/:zone/instances': 'instances.insert',
  'POST zones/:zone/instances/bulkInsert': 'instances.bulkInsert',
  'GET zones/:zone/instances/:name': 'instances.get',
  'DELETE zones/:zone/instances/:name': 'instances.delete',
  'GET zones/:zone/operations': 'zoneOperations.list',
  'GET zones/:zone/operations/:name': 'zoneOperations.get',
  'DELETE zones/:zone/operations/:name': 'zoneOperations.delete',
  'POST zones/:zone/operations/:name/wait': 'zoneOperations.wait',
  'GET zones/:zone/disks': 'disks.list',
  'GET zones/:zone/disks/:name': 'disks.get',
  'DELETE zones/:zone/disks/:name': 'disks.delete',
  'GET zones/:zone/machineTypes': 'machineTypes.list',
  'GET zones/:zone/machineTypes/:name': 'machineTypes.get',
};

const patterns = Object.entries(routes).map(([route, operation]) => ({
  operation,
  parts: route.slice(route.indexOf(' ') + 1).split('/'),
  method: route.slice(0, route.indexOf(' ')),
}));

/** `path` begins with the project's name. */
export function parseTarget(method: string, path: string): Target {
  const [project = '', ...rest] = path.split('/').map(decode);
  for (const { operation, parts, method: wanted } of patterns) {
    if (wanted !== method) continue;
    const found = match(parts, rest);
    if (found) return { operation, project, zone: null, region: null, name: null, ...found };
  }
  throw new Refusal('notFound', `Nothing is simulated at ${method} ${path.slice(0, 300)}.`, 404);
}

function match(parts: readonly string[], given: readonly string[]): Record<string, string> | null {
  const own = given.length === 0 ? [''] : given;
  if (own.length !== parts.length) return null;
  const found: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    const value = own[index] ?? '';
    if (part.startsWith(':')) found[part.slice(1)] = value;
    else if (part !== value) return null;
  }
  return found;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Refusal('invalid', 'The path is not well encoded.', 400);
  }
}
