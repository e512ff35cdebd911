import type { TSchema } from 'typebox';
import { nameOfSchema } from '../schemas/names.js';
import type { DescribedOperation } from './operation.js';

/** The API in Taskcluster's own format, from the operations themselves: what its client generators and tools read. */

export const SERVICE = 'worker-manager';
export const API_VERSION = 'v1';
export const REFERENCE_PATH = `/references/${SERVICE}/${API_VERSION}/api.json`;
export const SCHEMAS_PATH = `/schemas/${SERVICE}/${API_VERSION}`;

interface Entry {
  readonly type: 'function';
  readonly name: string;
  readonly method: string;
  readonly route: string;
  readonly args: readonly string[];
  readonly query: readonly string[];
  readonly title: string;
  readonly description: string;
  readonly category: string;
  readonly stability: string;
  readonly scopes?: string | { readonly AllOf: readonly string[] };
  readonly input?: string;
  readonly output?: string;
}

export const referenceOf = (operations: readonly DescribedOperation[]) => ({
  $schema: '/schemas/common/api-reference-v0.json#',
  apiVersion: API_VERSION,
  serviceName: SERVICE,
  title: 'Worker Manager Service',
  description: 'Keeps the right number of machines alive for the work that waits in task queues.',
  entries: operations.map(entryOf),
});

function entryOf(operation: DescribedOperation): Entry {
  const { name, method, path, query, summary, category, stability, body, response } = operation;
  const input = reference(body);
  const output = reference(response);
  const scopes = scopesOf(operation);
  return {
    type: 'function',
    name,
    method: method.toLowerCase(),
    route: path.replaceAll(/:(\w+)/g, '<$1>'),
    args: [...path.matchAll(/:(\w+)/g)].map(([, arg = '']) => arg),
    query: Object.keys(query ?? {}),
    title: summary,
    description: `${summary}.`,
    category,
    stability,
    ...(scopes.length === 0 ? {} : { scopes: scopes.length === 1 ? scopes[0]! : { AllOf: scopes } }),
    ...(input && { input }),
    ...(output && { output }),
  };
}

function reference(schema: TSchema | undefined): string | undefined {
  const name = nameOfSchema(schema);
  return name && `${API_VERSION}/${name}.json#`;
}

/** Each scope with `<name>` where it depends on the path, the query or the body. */
export function scopesOf({ scopes, contentScopes }: Pick<DescribedOperation, 'scopes' | 'contentScopes'>): string[] {
  if (scopes === 'public') return [];
  return [
    ...scopes(placeholders),
    ...(contentScopes?.({ params: placeholders, query: placeholders, body: placeholders }) ?? []),
  ];
}

/** Has whatever is read, as a placeholder. */
const placeholders = new Proxy({}, { get: (_, name) => `<${String(name)}>` });

/** The named bodies, by name, each as a document of its own. */
export function schemasOf(operations: readonly DescribedOperation[]): ReadonlyMap<string, object> {
  const documents = new Map<string, object>();
  for (const schema of operations.flatMap(({ body, response }) => [body, response])) {
    const name = nameOfSchema(schema);
    if (name === undefined) continue;
    documents.set(name, {
      $schema: '/schemas/common/metaschema.json#',
      $id: `${SCHEMAS_PATH}/${name}.json#`,
      title: name,
      ...schema,
    });
  }
  return documents;
}
