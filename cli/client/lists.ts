import { placeOf } from '../../domain/explain/place.js';
import type { Decision } from '../../domain/decision-record.js';
import { type Connection, listAll, pathPart } from './connection.js';
import { age, type Table } from './output.js';

/** The API's lists as tables. */

/** `nowMs` is for ages. */
type TableOf<Row> = (nowMs: number) => Table<Row>;

export interface PoolRow {
  readonly workerPoolId: string;
  readonly providerId: string;
  readonly owner: string;
  readonly created: string;
  readonly lastModified: string;
  readonly config: { readonly minCapacity?: number; readonly maxCapacity?: number; readonly launchConfigs?: unknown[] };
  readonly requestedCapacity: number;
  readonly runningCapacity: number;
  readonly stoppingCapacity: number;
  /** Where it was explained. */
  readonly waiting?: number | null;
  readonly why?: string;
}

export const poolTable =
  (explained: boolean): TableOf<PoolRow> =>
  (nowMs) => ({
    nameOf: ({ workerPoolId }) => workerPoolId,
    columns: [
      { title: 'NAME', of: ({ workerPoolId }) => workerPoolId },
      { title: 'PROVIDER', of: ({ providerId }) => providerId },
      ...(explained ? [{ title: 'WAITING', of: ({ waiting }: PoolRow) => waiting }] : []),
      { title: 'REQUESTED', of: ({ requestedCapacity }) => requestedCapacity },
      { title: 'RUNNING', of: ({ runningCapacity }) => runningCapacity },
      { title: 'STOPPING', of: ({ stoppingCapacity }) => stoppingCapacity },
      { title: 'MAX', of: ({ config }) => config.maxCapacity ?? 0 },
      ...(explained ? [{ title: 'WHY', of: ({ why }: PoolRow) => why }] : []),
      { title: 'MIN', wide: true, of: ({ config }) => config.minCapacity ?? 0 },
      { title: 'CONFIGS', wide: true, of: ({ config }) => config.launchConfigs?.length ?? 0 },
      { title: 'OWNER', wide: true, of: ({ owner }) => owner },
      { title: 'CHANGED', wide: true, of: ({ lastModified }) => lastModified },
      { title: 'AGE', of: ({ created }) => age(created, nowMs) },
    ],
  });

export const poolIds = async (connection: Connection): Promise<string[]> =>
  (await listAll<PoolRow>(connection, 'worker-pools', 'workerPools')).map(({ workerPoolId }) => workerPoolId);

/** The items of one pool's list, or of all pools' lists, one pool after the other. */
export async function ofPools<Row>(
  connection: Connection,
  pool: string | undefined,
  list: (pool: string) => Promise<Row[]>,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const id of pool === undefined ? await poolIds(connection) : [pool]) rows.push(...(await list(id)));
  return rows;
}

export interface WorkerRow {
  readonly workerPoolId: string;
  readonly workerGroup: string;
  readonly workerId: string;
  readonly providerId: string;
  readonly state: string;
  readonly capacity: number;
  readonly launchConfigId?: string;
  readonly created: string;
  readonly expires: string;
  readonly lastModified: string;
  readonly lastChecked: string;
}

export const workerName = ({ workerPoolId, workerGroup, workerId }: WorkerRow): string =>
  `${workerPoolId}/${workerGroup}/${workerId}`;

export const workerTable: TableOf<WorkerRow> = (nowMs) => ({
  nameOf: workerName,
  columns: [
    { title: 'POOL', of: ({ workerPoolId }) => workerPoolId },
    { title: 'GROUP', of: ({ workerGroup }) => workerGroup },
    { title: 'ID', of: ({ workerId }) => workerId },
    { title: 'STATE', of: ({ state }) => state },
    { title: 'AGE', of: ({ created }) => age(created, nowMs) },
    { title: 'CONFIG', of: ({ launchConfigId }) => launchConfigId },
    { title: 'CAPACITY', of: ({ capacity }) => capacity },
    { title: 'PROVIDER', wide: true, of: ({ providerId }) => providerId },
    { title: 'CHANGED', wide: true, of: ({ lastModified }) => lastModified },
    { title: 'CHECKED', wide: true, of: ({ lastChecked }) => lastChecked },
    { title: 'EXPIRES', wide: true, of: ({ expires }) => expires },
  ],
});

export const listWorkers = (connection: Connection, pool: string, state: string | undefined): Promise<WorkerRow[]> =>
  listAll(connection, `workers/${pathPart(pool)}${state === undefined ? '' : `?state=${pathPart(state)}`}`, 'workers');

export interface ConfigRow {
  readonly launchConfigId: string;
  readonly workerPoolId: string;
  readonly isArchived: boolean;
  readonly configuration: {
    readonly workerManager?: { readonly initialWeight?: number; readonly maxCapacity?: number };
  };
  readonly created: string;
  readonly lastModified: string;
}

export const configTable: TableOf<ConfigRow> = (nowMs) => ({
  nameOf: ({ launchConfigId }) => launchConfigId,
  columns: [
    { title: 'CONFIG', of: ({ launchConfigId }) => launchConfigId },
    { title: 'WHERE', of: ({ configuration }) => placeOf(configuration).where },
    { title: 'TYPE', of: ({ configuration }) => placeOf(configuration).type },
    { title: 'WEIGHT', of: ({ configuration }) => configuration.workerManager?.initialWeight ?? 1 },
    { title: 'MAX', of: ({ configuration }) => configuration.workerManager?.maxCapacity },
    { title: 'ARCHIVED', of: ({ isArchived }) => (isArchived ? 'yes' : 'no') },
    { title: 'CHANGED', wide: true, of: ({ lastModified }) => lastModified },
    { title: 'AGE', of: ({ created }) => age(created, nowMs) },
  ],
});

export interface ErrorRow {
  readonly workerPoolId: string;
  readonly errorId: string;
  readonly launchConfigId?: string | null;
  readonly reported: string;
  readonly kind: string;
  readonly title: string;
  readonly description: string;
  readonly extra: Readonly<Record<string, unknown>>;
}

export const codeOf = ({ extra, kind }: ErrorRow): string => (typeof extra['code'] === 'string' ? extra['code'] : kind);

export const errorTable: TableOf<ErrorRow> = (nowMs) => ({
  nameOf: ({ errorId }) => errorId,
  columns: [
    { title: 'POOL', of: ({ workerPoolId }) => workerPoolId },
    { title: 'AGE', of: ({ reported }) => age(reported, nowMs) },
    { title: 'CONFIG', of: ({ launchConfigId }) => launchConfigId },
    { title: 'CODE', of: codeOf },
    { title: 'TITLE', of: ({ title }) => title },
    { title: 'ID', wide: true, of: ({ errorId }) => errorId },
    { title: 'REPORTED', wide: true, of: ({ reported }) => reported },
    { title: 'DESCRIPTION', wide: true, of: ({ description }) => description },
  ],
});

export interface ErrorGroup {
  readonly name: string;
  readonly errors: number;
  readonly last: string;
}

export const errorGroupTable: TableOf<ErrorGroup> = (nowMs) => ({
  nameOf: ({ name }) => name,
  columns: [
    { title: 'NAME', of: ({ name }) => name },
    { title: 'ERRORS', of: ({ errors }) => errors },
    { title: 'LAST', of: ({ last }) => age(last, nowMs) },
  ],
});

export interface DecisionRow {
  readonly workerPoolId: string;
  readonly firstAt: string;
  readonly lastAt: string;
  readonly occurrences: number;
  readonly decision: Decision;
}

export const decisionTable: TableOf<DecisionRow> = () => ({
  nameOf: ({ workerPoolId, firstAt }) => `${workerPoolId}@${firstAt}`,
  columns: [
    { title: 'LAST', of: ({ lastAt }) => lastAt },
    { title: 'FIRST', wide: true, of: ({ firstAt }) => firstAt },
    { title: 'TIMES', of: ({ occurrences }) => occurrences },
    { title: 'WAITING', of: ({ decision }) => decision.inputs.pendingTasks },
    { title: 'CLAIMED', wide: true, of: ({ decision }) => decision.inputs.claimedTasks },
    { title: 'RUNNING', of: ({ decision }) => decision.inputs.runningCapacity },
    { title: 'WANTED', of: ({ decision }) => decision.estimate?.wantedCapacity },
    { title: 'ROOM', of: ({ decision }) => decision.estimate?.roomCapacity },
    { title: 'REQUESTED', of: ({ decision }) => sum(decision.launches, ({ requested }) => requested) },
    { title: 'LAUNCHED', of: ({ decision }) => sum(decision.launches, ({ launched }) => launched) },
    { title: 'ENDED', wide: true, of: ({ decision }) => decision.terminations },
    { title: 'BOUND', of: ({ decision }) => decision.limitedBy.join(', ') || decision.estimate?.bound },
  ],
});

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);

export interface ProviderRow {
  readonly providerId: string;
  readonly providerType: string;
}

export const providerTable: TableOf<ProviderRow> = () => ({
  nameOf: ({ providerId }) => providerId,
  columns: [
    { title: 'NAME', of: ({ providerId }) => providerId },
    { title: 'TYPE', of: ({ providerType }) => providerType },
  ],
});

export interface HoldRow {
  readonly scope: string;
  readonly clientId: string;
  readonly reason: string;
  readonly since: string;
}

export const holdTable: TableOf<HoldRow> = (nowMs) => ({
  nameOf: ({ scope }) => scope,
  columns: [
    { title: 'SCOPE', of: ({ scope }) => scope },
    { title: 'WHO', of: ({ clientId }) => clientId },
    { title: 'SINCE', of: ({ since }) => since },
    { title: 'AGE', of: ({ since }) => age(since, nowMs) },
    { title: 'REASON', of: ({ reason }) => reason },
  ],
});

export interface AuditRow {
  readonly clientId: string;
  readonly actionType: string;
  readonly created: string;
  readonly entityId: string;
  readonly entityType: string;
}

export const auditTable: TableOf<AuditRow> = () => ({
  nameOf: ({ entityId }) => entityId,
  columns: [
    { title: 'WHEN', of: ({ created }) => created },
    { title: 'WHO', of: ({ clientId }) => clientId },
    { title: 'WHAT', of: ({ actionType }) => actionType },
    { title: 'OBJECT', of: ({ entityId }) => entityId },
  ],
});
