import type { LogLine } from '../../dev/testing/simulator.js';

/** What the simulator's log says of Google's machines; it knows its operations and our labels, and none of our code. */
export interface GoogleEvidence {
  /** Launches, by their label, that Google was made to carry out more than once. */
  readonly launchedTwice: readonly string[];
  /** Machines that a second deletion was begun of, although the first had not failed. */
  readonly deletedTwice: readonly string[];
  /** Machines whose creation succeeded, by pool. */
  readonly created: ReadonlyMap<string, readonly string[]>;
  /** Why machines of a pool were not created: `pool code`, once for each launch and code, refusals included. */
  readonly failures: readonly string[];
}

const LAUNCH = 'instances.bulkInsert';
const LAUNCH_LABEL = 'worker-manager-launch';

export function googleEvidence(log: readonly LogLine[]): GoogleEvidence {
  const lines = log.filter(({ kind }) => kind === 'gce');
  const begun = (operation: string) =>
    lines.filter((line) => line.operation === operation && line.outcome === 'ok' && line['repeated'] !== true);
  const ended = lines.filter(({ operation }) => operation === `end of ${LAUNCH}`);
  const failedDeletions = lines.filter(
    ({ operation, outcome }) => operation === 'end of instances.delete' && outcome !== 'ok',
  );
  const created = new Map<string, string[]>();
  for (const line of ended) {
    const pool = String(line['workerPoolId']);
    created.set(pool, [...(created.get(pool) ?? []), ...(line.created ?? [])]);
  }
  return {
    launchedTwice: repeated(begun(LAUNCH).map((line) => labelOf(line, LAUNCH_LABEL))),
    deletedTwice: repeated(
      begun('instances.delete').map((line) => String((line['targets'] as string[] | undefined)?.[0])),
      failedDeletions.map((line) => String(line['targetId'])),
    ),
    created,
    failures: [...ended.flatMap(failuresOf), ...refusedLaunches(lines)],
  };
}

const labelOf = (line: LogLine, name: string): string =>
  (line['labels'] as Readonly<Record<string, string>> | undefined)?.[name] ?? 'no launch of ours';

const failuresOf = (line: LogLine): string[] => {
  const codes = new Set(Object.values((line['failed'] as Readonly<Record<string, string>> | undefined) ?? {}));
  // Such a machine is there already.
  codes.delete('RESOURCE_ALREADY_EXISTS');
  return [...codes].map((code) => `${String(line['workerPoolId'])} ${code}`);
};

/** A refused launch may have been tried again because nobody had heard of the refusal. */
function refusedLaunches(lines: readonly LogLine[]): string[] {
  const refused = lines.filter(({ operation, outcome }) => operation === LAUNCH && outcome === 'quotaExceeded');
  const byRequest = new Map(
    refused.map((line) => [line['requestId'], `${String(line['workerPoolId'])} ${line.outcome}`]),
  );
  return [...byRequest.values()];
}

/** What is in the list more than once, and once more than it is among the excused. */
function repeated(all: readonly string[], excused: readonly string[] = []): string[] {
  const counts = new Map<string, number>();
  for (const one of all) counts.set(one, (counts.get(one) ?? 0) + 1);
  for (const one of excused) counts.set(one, (counts.get(one) ?? 0) - 1);
  return [...counts].filter(([, count]) => count > 1).map(([one]) => one);
}
