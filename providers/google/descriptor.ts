import { createRequire } from 'node:module';

/**
 * The SDK's own description of Compute Engine (protobuf.js JSON), cut to what this provider uses. Whole, it has 2,216
 * types in each of two versions and costs every process 90 MB and two seconds, because the SDK's clients make classes
 * of all of them. The SDK `require`s the same object, so the cut must come before its first client (`sdk.ts`). A test
 * fails when a new SDK keeps it elsewhere.
 */

/** Methods that the provider calls; everything that no message of theirs needs is cut. */
export const usedMethods = {
  Disks: ['AggregatedList', 'Delete'],
  Instances: ['AggregatedList', 'BulkInsert', 'Delete', 'Get', 'List'],
  ZoneOperations: ['Get', 'List'],
} as const satisfies Record<string, readonly string[]>;

export interface Field {
  /** A scalar's name, or that of another type. */
  readonly type: string;
  /** Of a map: the type of its keys. */
  readonly keyType?: string;
  readonly rule?: 'repeated';
}

/** A message, a service or an enumeration, as protobuf.js writes them. */
interface DescribedType {
  readonly fields?: Readonly<Record<string, Field>>;
  readonly values?: object;
  readonly nested?: Readonly<Record<string, DescribedType>>;
  methods?: Record<string, { readonly requestType: string; readonly responseType: string }>;
}

interface Namespace {
  nested: Record<string, Namespace & DescribedType>;
}

const PATH = '@google-cloud/compute/build/protos/protos.json';

let types: Readonly<Record<string, DescribedType>> | undefined;

/** Types of Compute Engine's API by name, cut. Loads the description at first use, which takes a third of a second. */
export function computeTypes(): Readonly<Record<string, DescribedType>> {
  types ??= cut(createRequire(import.meta.url)(PATH) as Namespace);
  return types;
}

/** The fields of a message; null where `name` is none. */
export const fieldsOf = (name: string): Readonly<Record<string, Field>> | null => computeTypes()[name]?.fields ?? null;

/** Cuts the SDK's own object, in place. */
function cut(root: Namespace): Readonly<Record<string, DescribedType>> {
  const compute = root.nested.google!.nested.cloud!.nested.compute!;
  const all = compute.nested.v1!.nested as Record<string, DescribedType>;
  for (const [service, names] of Object.entries<readonly string[]>(usedMethods)) {
    const { methods = {} } = all[service]!;
    all[service]!.methods = Object.fromEntries(names.map((name) => [name, methods[name]!]));
  }
  const kept: Record<string, DescribedType> = {};
  // `Instance` tells what a launch config for the single call may have meant (`definition-types.ts`).
  const open = [...Object.keys(usedMethods), 'Instance'];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const type = all[name];
    if (!type || kept[name]) continue;
    kept[name] = type;
    open.push(...typesNamedIn(type));
  }
  compute.nested.v1!.nested = kept as Namespace['nested'];
  for (const version of Object.keys(compute.nested)) if (version !== 'v1') delete compute.nested[version];
  return kept;
}

const typesNamedIn = (type: DescribedType): string[] => [
  ...Object.values(type.fields ?? {}).map((field) => field.type),
  ...Object.values(type.methods ?? {}).flatMap(({ requestType, responseType }) => [requestType, responseType]),
  ...Object.values(type.nested ?? {}).flatMap(typesNamedIn),
];
