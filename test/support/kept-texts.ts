import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { chartNames } from '../../domain/charts.js';
import type { WorkerResponse } from '../../dev/testing/api-client.js';
import { keptRows } from './kept-rows.js';
import type { System } from '../../dev/testing/system.js';

/** All that a deployment keeps, logs and shows, as text by its place: what a search for secrets reads. */
export type KeptTexts = Readonly<Record<string, string>>;

/** Rows by table, histories and descriptions of every workflow and schedule, logs. */
export async function keptTexts(system: System): Promise<KeptTexts> {
  const rows = Object.entries(await keptRows(system.databaseUrl));
  const logs = readdirSync(system.folder).filter((name) => name.endsWith('.log'));
  return {
    ...Object.fromEntries(rows.map(([table, lines]) => [`table ${table}`, lines.join('\n')])),
    ...Object.fromEntries(logs.map((name) => [`log ${name}`, readFileSync(join(system.folder, name), 'utf8')])),
    ...(await workflowTexts(system.temporal)),
    ...(await scheduleTexts(system.temporal)),
  };
}

/** The metrics page, and every answer that a GET of the API gives about these workers and their pools. */
export async function shownTexts(system: System, workers: readonly WorkerResponse[]): Promise<KeptTexts> {
  const { port } = system.config['metrics'] as { port: number };
  const shown: Record<string, string> = {};
  const show = async (url: string): Promise<void> => {
    const answer = await fetch(url);
    // The queue may not know a worker that has claimed nothing yet.
    const isExpected = answer.status === 200 || (answer.status === 404 && url.includes('/provisioners/'));
    if (!isExpected) throw new Error(`${url} answered with ${answer.status}`);
    shown[`GET ${new URL(url).pathname}`] = await answer.text();
  };
  await show(`http://127.0.0.1:${port}/metrics`);
  const openapi = (await (await fetch(`${system.api.url}/openapi.json`)).json()) as {
    paths: Record<string, { get?: object }>;
  };
  const paths = Object.entries(openapi.paths).flatMap(([path, { get }]) => (get ? [path] : []));
  const runId = await system.waitFor(() => latestSweep(system), 'a sweep of orphans');
  const filled = paths.flatMap((path) =>
    workers.flatMap((worker) => chartNames.map((chart) => fill(path, { ...worker, runId, chart }))),
  );
  for (const path of new Set(filled)) await show(system.api.url + path);
  return shown;
}

async function latestSweep({ api }: System): Promise<string | undefined> {
  const { body } = await api.call('GET', '/orphans');
  return (body as { sweeps: { runId: string }[] }).sweeps[0]?.runId;
}

function fill(path: string, worker: WorkerResponse & { readonly runId: string; readonly chart: string }): string {
  const [provisionerId, workerType] = worker.workerPoolId.split('/');
  const values: Record<string, unknown> = {
    ...{ ...worker, provisionerId, workerType, taskQueueId: worker.workerPoolId },
    ...{ entityType: 'worker-pool', entityId: worker.workerPoolId },
  };
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(values[name])));
}

async function workflowTexts(client: Client): Promise<KeptTexts> {
  const texts: Record<string, string> = {};
  for await (const { workflowId, runId } of client.workflow.list()) {
    const handle = client.workflow.getHandle(workflowId, runId);
    const [history, { raw }] = await Promise.all([handle.fetchHistory(), handle.describe()]);
    texts[`workflow ${workflowId} ${runId}`] = textOf([history, raw]);
  }
  return texts;
}

async function scheduleTexts(client: Client): Promise<KeptTexts> {
  const texts: Record<string, string> = {};
  for await (const { scheduleId } of client.schedule.list()) {
    const { raw } = await client.schedule.getHandle(scheduleId).describe();
    texts[`schedule ${scheduleId}`] = textOf(raw);
  }
  return texts;
}

/** Every text in a message of Temporal's; payloads as what they hold. */
function textOf(message: unknown): string {
  const texts: string[] = [];
  const collect = (value: unknown): void => {
    if (value instanceof Uint8Array) texts.push(Buffer.from(value).toString('utf8'));
    else if (typeof value === 'string') texts.push(value);
    else if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) collect(item);
  };
  collect(message);
  return texts.join('\n');
}

/** Places that hold the text, plain, escaped in JSON, in hex, in a URL, or anywhere inside of something in base64. */
export function placesOf(text: string, kept: KeptTexts): string[] {
  const bytes = Buffer.from(text);
  const base64 = [0, 1, 2].flatMap((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes]);
    // Characters that depend on what stands before and after are left out.
    const characters = whole.toString('base64').slice(before && before + 1, Math.floor((whole.length * 8) / 6));
    return [characters, characters.replaceAll('+', '-').replaceAll('/', '_')];
  });
  const forms = [text, JSON.stringify(text).slice(1, -1), bytes.toString('hex'), encodeURIComponent(text), ...base64];
  return Object.entries(kept).flatMap(([place, content]) =>
    forms.some((form) => content.includes(form)) ? [place] : [],
  );
}
