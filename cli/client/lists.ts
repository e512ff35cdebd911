import type { Static } from 'typebox';
import type { Overview, PoolRow } from '../../api/schemas/overview.js';
import type { deploymentUsage } from '../../api/schemas/usage.js';
import type { Decision } from '../../domain/decision-record.js';
import type { DefinitionChange } from '../../domain/definition-changes.js';
import { placeOf } from '../../domain/explain/place.js';
import { workerKeyText } from '../../domain/ids.js';
import { whyOf, worstFirst } from '../../domain/pool-status.js';
import { EXIT, ExitError } from '../exit.js';
import { type Connection, listAll, pathPart } from './connection.js';
import { age, type Table } from './output.js';

/** The API's lists as tables. */

/** `nowMs` is for ages. */
type TableOf<Row> = (nowMs: number) => Table<Row>;

/** A pool of the overview. */
export interface ListedPool extends PoolRow {
  /** Of its last decision; or of an explanation, where it was explained. */
  readonly why: string;
}

/** In the order in which they want somebody. */
export const worstFirstOf = (pools: readonly PoolRow[]): ListedPool[] =>
  pools.toSorted(worstFirst).map((pool) => ({ ...pool, why: whyOf(pool).word }));

export const poolTable: TableOf<ListedPool> = (nowMs) => ({
  nameOf: ({ workerPoolId }) => workerPoolId,
  columns: [
    { title: 'NAME', of: ({ workerPoolId }) => workerPoolId },
    { title: 'PROVIDER', of: ({ providerId }) => providerId },
    { title: 'PENDING', of: ({ pendingTasks }) => pendingTasks },
    { title: 'CLAIMED', of: ({ claimedTasks }) => claimedTasks },
    { title: 'REQUESTED', of: ({ requested }) => requested },
    { title: 'RUNNING', of: ({ running }) => running },
    { title: 'STOPPING', of: ({ stopping }) => stopping },
    { title: 'MAX', of: ({ maxCapacity }) => maxCapacity },
    { title: 'ERRORS/H', of: ({ errorsLastHour }) => errorsLastHour },
    { title: 'WHY', of: ({ why }) => why },
    { title: 'WANTED', wide: true, of: ({ wantedCapacity }) => wantedCapacity },
    { title: 'HELD BY', wide: true, of: ({ hold }) => hold?.clientId },
    { title: 'DECIDED', wide: true, of: ({ decidedAt }) => age(decidedAt, nowMs) },
    { title: 'POLLED', wide: true, of: ({ polledAt }) => age(polledAt, nowMs) },
  ],
});

/** A second old at most; who is shown fewer than there are is told so. */
export async function listPools({ call }: Connection): Promise<ListedPool[]> {
  const { pools, isComplete } = (await call('GET', 'overview')) as Overview;
  if (!isComplete) console.error(`There are more pools than the ${pools.length} of the overview.`);
  return worstFirstOf(pools);
}

export const poolIds = async (connection: Connection): Promise<string[]> =>
  (await listAll<{ workerPoolId: string }>(connection, 'worker-pools', 'workerPools')).map(
    ({ workerPoolId }) => workerPoolId,
  );

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

/** The API's path of a worker by the name that `workers -o name` gives. */
export function workerPath(name: string): string {
  const [provisioner, pool, group, id, ...rest] = name.split('/');
  if (!provisioner || !pool || !group || !id || rest.length > 0) {
    throw new ExitError(EXIT.bad, `${name}: give PROJECT/NAME/GROUP/ID`);
  }
  return `workers/${pathPart(`${provisioner}/${pool}`)}/${pathPart(group)}/${pathPart(id)}`;
}

export const workerTable: TableOf<WorkerRow> = (nowMs) => ({
  nameOf: workerKeyText,
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
    { title: 'PENDING', of: ({ decision }) => decision.inputs.pendingTasks },
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

type Usage = Static<typeof deploymentUsage>;

export const listProviders = async ({ call }: Connection): Promise<Usage['providers']> =>
  ((await call('GET', 'usage')) as Usage).providers;

export const providerTable: TableOf<Usage['providers'][number]> = (nowMs) => ({
  nameOf: ({ providerId }) => providerId,
  columns: [
    { title: 'NAME', of: ({ providerId }) => providerId },
    { title: 'TYPE', of: ({ providerType }) => providerType },
    { title: 'STATE', of: ({ health }) => health.state },
    { title: 'SCANNED', of: ({ lastScan }) => age(lastScan?.ended, nowMs) },
    { title: 'MACHINES', of: ({ lastScan }) => lastScan?.machines },
    { title: 'UNOWNED', of: ({ lastScan }) => lastScan?.unowned },
    { title: 'SINCE', wide: true, of: ({ health }) => health.since },
    { title: 'MESSAGE', wide: true, of: ({ health }) => health.message },
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
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly changes?: readonly DefinitionChange[];
}

/** Of one pool, or of everything. */
export const listAudit = (connection: Connection, pool: string | undefined): Promise<AuditRow[]> =>
  listAll(connection, pool === undefined ? 'audit' : `audit/worker-pool/${pathPart(pool)}`, 'auditHistory');

export const auditTable: TableOf<AuditRow> = () => ({
  nameOf: ({ entityId }) => entityId,
  columns: [
    { title: 'WHEN', of: ({ created }) => created },
    { title: 'WHO', of: ({ clientId }) => clientId },
    { title: 'WHAT', of: ({ actionType }) => actionType },
    { title: 'OBJECT', of: ({ entityId }) => entityId },
    { title: 'CHANGE', of: ({ detail, changes }) => sayChange(detail ?? {}, changes ?? []) },
  ],
});

/** Of a definition what it was and is; of anything else what it was about. The first of many; JSON has all. */
function sayChange(detail: NonNullable<AuditRow['detail']>, changes: readonly DefinitionChange[]): string {
  const about = Object.values(detail).map(String);
  const said = changes.map(({ path, before, after }) => `${path}: ${valueText(before)} → ${valueText(after)}`);
  const all = [...about, ...said];
  return all.length <= MAX_SAID
    ? all.join(', ')
    : `${all.slice(0, MAX_SAID).join(', ')}, and ${all.length - MAX_SAID} more`;
}

const MAX_SAID = 3;
const valueText = (value: unknown): string => (value === undefined ? '–' : JSON.stringify(value));
