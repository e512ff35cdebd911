import { clientSchema, configSchema, type ProviderSchemas } from './schema.js';

export interface ConfigKey {
  /** Path with dots; `<id>` stands for a provider's id, `[]` for each item of a list. */
  readonly path: string;
  /** As in YAML; `required` or `none` where there is none. */
  readonly default: string;
  readonly description: string;
}

interface Node {
  properties?: Record<string, Node>;
  required?: string[];
  default?: unknown;
  description?: string;
}

/** Every key of the configuration, for the reference page and for messages that list what exists. */
export function configKeys(types: ProviderSchemas): readonly ConfigKey[] {
  return [
    ...keysOf(configSchema as Node, ''),
    ...keysOf(clientSchema as Node, 'auth.clients[].'),
    ...Object.entries(types).flatMap(([type, { schema }]) => keysOf(schema as Node, `providers.<${type}>.`)),
  ];
}

function keysOf(schema: Node, prefix: string): ConfigKey[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, node]) => {
    const path = prefix + name;
    const own = node.description
      ? [{ path, default: defaultOf(name, node, schema), description: node.description }]
      : [];
    return [...own, ...keysOf(node, `${path}.`)];
  });
}

function defaultOf(name: string, node: Node, parent: Node): string {
  if (node.default !== undefined) return JSON.stringify(node.default).replaceAll('"', '');
  return parent.required?.includes(name) ? 'required' : 'none';
}
