import type { SpawnOptions } from 'node:child_process';

export declare const projectRoot: string;
export declare function cacheDir(): string;
/** What `run` tells of a program that has ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly leftovers: boolean;
}
export declare function run(command: string, args: readonly string[], options?: SpawnOptions): Promise<Ended>;
