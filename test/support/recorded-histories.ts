import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import proto from '@temporalio/proto';
import { Worker } from '@temporalio/worker';
import { bundlePath } from './time-skipping.js';

const { History } = proto.temporal.api.history.v1;
/** Histories of earlier releases, as JSON: what new workflow code must still be able to continue. */
const folder = join(process.cwd(), 'test', 'fixtures', 'histories');

export interface RecordedHistory {
  readonly workflowId: string;
  readonly history: { events: Record<string, unknown>[] };
}

export const recordedNames = (): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length));

export const recorded = (name: string): RecordedHistory =>
  JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as RecordedHistory;

/** The latest run's history as JSON; without the names of the computer and process that it ran on. */
export async function historyOf(handle: WorkflowHandle): Promise<RecordedHistory> {
  const text = JSON.stringify(
    History.toObject(History.fromObject(await handle.fetchHistory()), { enums: String, longs: String, bytes: String }),
  );
  const history = JSON.parse(text.replaceAll(/"identity":"[^"]*"/g, '"identity":"test"')) as RecordedHistory['history'];
  return { workflowId: handle.workflowId, history };
}

export function record(name: string, history: RecordedHistory): void {
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(history, null, 2)}\n`);
}

/** Runs the current bundle over a history. Gives what does not fit, or null when all does. */
export async function replay({ workflowId, history }: RecordedHistory): Promise<Error | null> {
  const histories = [{ workflowId, history: History.fromObject(history) }];
  const results = Worker.runReplayHistories({ workflowBundle: { codePath: bundlePath } }, histories);
  for await (const { error } of results) return error ?? null;
  throw new Error('nothing was replayed');
}
