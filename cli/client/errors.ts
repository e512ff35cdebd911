import { EXIT, ExitError } from '../exit.js';
import { type Connection, listAll, pathPart } from './connection.js';
import { parseDuration } from './instants.js';
import { codeOf, type ErrorGroup, type ErrorRow, ofPools } from './lists.js';
import { orNearPools } from './show.js';

/** Of one pool, or of all; newest first. */
export async function recentErrors(
  connection: Connection,
  pool: string | undefined,
  since: string,
  nowMs: number,
): Promise<ErrorRow[]> {
  const duration = parseDuration(since);
  if (duration === null) throw new ExitError(EXIT.bad, '--since: a duration such as 90m, 24h or 7d');
  const rows = await ofPools(connection, pool, (id) =>
    orNearPools(connection, id, () =>
      listAll<ErrorRow>(connection, `worker-pool-errors/${pathPart(id)}`, 'workerPoolErrors'),
    ),
  );
  return rows
    .filter(({ reported }) => Date.parse(reported) >= nowMs - duration)
    .sort((a, b) => (a.reported < b.reported ? 1 : -1));
}

const names = {
  code: codeOf,
  title: ({ title }: ErrorRow) => title,
  config: ({ workerPoolId, launchConfigId }: ErrorRow) => `${workerPoolId} ${launchConfigId ?? '–'}`,
  pool: ({ workerPoolId }: ErrorRow) => workerPoolId,
} as const;

/** How many there are of each, most first. */
export function groupsOf(rows: readonly ErrorRow[], by: keyof typeof names): ErrorGroup[] {
  return [...Map.groupBy(rows, names[by])]
    .map(([name, errors]) => ({ name, errors: errors.length, last: errors[0]!.reported }))
    .sort((a, b) => b.errors - a.errors);
}
