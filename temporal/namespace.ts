import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { workflowTypes } from './names.js';
import { searchAttributeNames } from './search-attributes.js';
import { messageOf } from '../domain/values.js';

const KEYWORD = proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;

/** Names of our search attributes that the namespace lacks. Throws when one of them has another type there. */
export async function missingSearchAttributes(client: Client): Promise<string[]> {
  const { namespace } = client.options;
  const { customAttributes } = await client.connection.operatorService.listSearchAttributes({ namespace });
  const missing = searchAttributeNames.filter((name) => customAttributes[name] === undefined);
  const wrong = searchAttributeNames.filter((name) => (customAttributes[name] ?? KEYWORD) !== KEYWORD);
  if (wrong.length > 0)
    throw new Error(`search attributes ${wrong.join(', ')} of namespace ${namespace} are not of type Keyword`);
  return missing;
}

/**
 * Registers what is missing. Throws an error that says what to do where the server does not let us (Temporal Cloud).
 */
export async function ensureSearchAttributes(client: Client): Promise<void> {
  const { namespace } = client.options;
  const missing = await missingSearchAttributes(client);
  if (missing.length === 0) return;
  try {
    await client.connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, KEYWORD])),
    });
  } catch (error) {
    const why = messageOf(error);
    throw new Error(`add search attributes ${missing.join(', ')} (Keyword) to namespace ${namespace}: ${why}`, {
      cause: error,
    });
  }
}

/** The deployment that a namespace's Schedules belong to; null when it has none yet. Two must not share one. */
export async function deploymentOfNamespace(client: Client): Promise<string | null> {
  for await (const { memo } of client.schedule.list()) {
    if (typeof memo?.deploymentId === 'string') return memo.deploymentId;
  }
  return null;
}

const OPEN_LIFECYCLES = `WorkflowType = '${workflowTypes.workerLifecycle}' AND ExecutionStatus = 'Running'`;

export async function countOpenLifecycles(client: Client): Promise<number> {
  return (await client.workflow.count(OPEN_LIFECYCLES)).count;
}

export interface OpenLifecycles {
  readonly ids: ReadonlySet<string>;
  /** False when the time was over before the list was: then nothing follows from an id that is not in it. */
  readonly complete: boolean;
}

/** Ids of all open lifecycles, a page of 1000 at a time; lists may lag behind by some seconds. */
export async function openLifecycles(client: Client, isOver: () => boolean): Promise<OpenLifecycles> {
  const ids = new Set<string>();
  for await (const { workflowId } of client.workflow.list({ query: OPEN_LIFECYCLES, pageSize: 1_000 })) {
    ids.add(workflowId);
    if (isOver()) return { ids, complete: false };
  }
  return { ids, complete: true };
}
