import type { LogLine } from './simulator.js';

/** What one pool's machines cost in EC2 calls, from the simulator's log. Refused calls are calls too. */
export interface CallsPerWorker {
  readonly workers: number;
  readonly launch: number;
  /** Describe calls of one scan. */
  readonly scan: number;
  readonly remove: number;
  /** The calls themselves, by operation. */
  readonly calls: Readonly<Record<string, number>>;
  /** Calls that EC2 refused because there were too many. */
  readonly throttled: number;
}

/** `scans`: how many the product has made meanwhile. */
export function callsPerWorker(log: readonly LogLine[], scans: number): CallsPerWorker {
  const ec2 = log.filter(({ kind }) => kind === 'ec2');
  const calls: Record<string, number> = {};
  for (const { operation } of ec2) calls[operation] = (calls[operation] ?? 0) + 1;
  const workers = launchedIds(log).length;
  const per = (count: number): number => (workers === 0 ? 0 : count / workers);
  return {
    workers,
    launch: per(calls['RunInstances'] ?? 0),
    scan: scans === 0 ? 0 : per(calls['DescribeInstances'] ?? 0) / scans,
    remove: per(calls['TerminateInstances'] ?? 0),
    calls,
    throttled: ec2.filter(({ outcome }) => outcome === 'RequestLimitExceeded').length,
  };
}

const launchedIds = (log: readonly LogLine[]): string[] => [...new Set(log.flatMap(({ created }) => created ?? []))];
