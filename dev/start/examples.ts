import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { projectRoot } from '#scripts/node.mjs';
import { call, getJson, HttpError } from './http.js';
import { files, readJsonFile, writeJsonFile } from './state.js';
import { DAY_MS } from '../../domain/durations.js';

export interface ExamplePool {
  readonly workerPoolId: string;
  readonly providerId: string;
  readonly config: { readonly maxCapacity?: number };
}

/** The pools of dev/examples/*.yml: each file is the body of createWorkerPool and the pool's id. */
export function readExamples(): ExamplePool[] {
  const folder = join(projectRoot, 'dev', 'examples');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yml'))
    .toSorted()
    .map((name) => parse(readFileSync(join(folder, name), 'utf8')) as ExamplePool);
}

/**
 * Creates the pools that do not exist; those that do stay as they are, for somebody may have changed them. Gives the
 * new ones' ids.
 */
export async function createMissingPools(apiUrl: string, pools: readonly ExamplePool[]): Promise<string[]> {
  const created: string[] = [];
  for (const { workerPoolId, ...body } of pools) {
    const url = `${apiUrl}/api/worker-manager/v1/worker-pool/${encodeURIComponent(workerPoolId)}`;
    if (await exists(url)) continue;
    await call('PUT', url, body);
    created.push(workerPoolId);
  }
  return created;
}

interface StaticWorkerFile {
  readonly workerId: string;
  readonly staticSecret: string;
}

const STATIC_WORKER_DAYS = 7;
/** Announces one machine of a static pool unless the one of an earlier start is still there. */
export async function announceStaticWorker(apiUrl: string, { workerPoolId }: ExamplePool): Promise<void> {
  const urlOf = (workerId: string) =>
    `${apiUrl}/api/worker-manager/v1/workers/${encodeURIComponent(workerPoolId)}/shelf-1/${workerId}`;
  const known = readJsonFile<StaticWorkerFile>(files.staticWorker);
  if (known && (await isRunning(urlOf(known.workerId)))) return;
  // A stopped worker's name is used up: the next one gets another.
  const announced = { workerId: `phone-${randomBytes(2).toString('hex')}`, staticSecret: newSecret() };
  writeJsonFile(files.staticWorker, announced);
  await call('PUT', urlOf(announced.workerId), {
    expires: new Date(Date.now() + STATIC_WORKER_DAYS * DAY_MS).toISOString(),
    capacity: 1,
    providerInfo: { staticSecret: announced.staticSecret },
  });
}

/** Two slugids' length. */
const newSecret = (): string => randomBytes(33).toString('base64url');

const isRunning = async (url: string): Promise<boolean> =>
  getJson<{ state: string }>(url).then(({ state }) => state === 'running', absent);

const exists = async (url: string): Promise<boolean> => getJson(url).then(() => true, absent);

function absent(error: unknown): false {
  if (error instanceof HttpError && error.status === 404) return false;
  throw error;
}
