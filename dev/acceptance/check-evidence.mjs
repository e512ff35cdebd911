#!/usr/bin/env node
/**
 * Counts, from outside, whether the product kept its promises: no launch doubled, no token with two requests, no
 * machine without an owner, nothing removed that is not its own, and in the end (`--ended`) nothing left. It imports
 * nothing of the product: it reads the simulator's log, the public API and Temporal's own client.
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const usage = `usage: check-evidence.mjs --log FILE [--api URL] [--temporal HOST:PORT --namespace NAME] [--ended]
  --log        the simulator's log of requests
  --api        URL of the worker manager's server: its rows are compared too
  --temporal   Temporal's address: its lifecycles are compared too
  --ended      everything must have ended: machines, lifecycles and rows`;

/** A launch tags (Google: labels) its machines with this; without it a machine is somebody else's. */
const LAUNCH_TAG = 'worker-manager-launch';
const POOL_TAG = 'WorkerPoolId';
/** Violations that are printed in full; more are only counted. */
const MAX_SHOWN = 10;

/** Whether every promise was kept, and the table that says so. */
export async function checkEvidence({ log, api, temporal, namespace, ended }) {
  const evidence = await readLog(log);
  const lifecycles = temporal ? await readLifecycles(temporal, namespace) : null;
  const rows = api ? await readRows(api) : null;
  return report(evidence, judge(evidence, lifecycles, rows, ended));
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        log: { type: 'string' },
        api: { type: 'string' },
        temporal: { type: 'string' },
        namespace: { type: 'string', default: 'default' },
        ended: { type: 'boolean', default: false },
      },
    });
    if (values.log) return values;
  } catch (error) {
    console.error(error.message);
  }
  console.error(usage);
  process.exit(2);
}

/** What the clouds did: launches by region and token, machines with their fate. */
// oxlint-disable-next-line complexity -- one branch for each kind of line
async function readLog(file) {
  const tokens = new Map();
  const machines = new Map();
  const untokened = [];
  const foreignRemovals = [];
  for await (const text of createInterface({ input: createReadStream(file) })) {
    if (text === '') continue;
    const line = JSON.parse(text);
    if (line.kind === 'ec2' && line.operation === 'RunInstances') {
      const tags = line.tags ?? {};
      const created = line.created ?? [];
      // Answers that repeat a launch, and refusals, carry no tags: their token tells whose they are.
      if (line.clientToken) noteToken(tokens, line, created);
      if (!line.clientToken && created.length > 0 && tags[LAUNCH_TAG]) untokened.push(...created);
      for (const id of created) {
        const ours = tags[LAUNCH_TAG] !== undefined;
        machines.set(id, { id, region: line.region, pool: tags[POOL_TAG], ours, over: false, terminated: false });
      }
    }
    if (line.kind === 'ec2' && line.operation === 'TerminateInstances') {
      for (const id of line.ids ?? []) {
        const machine = machines.get(id);
        if (!machine?.ours) foreignRemovals.push(id);
        else machine.over = machine.terminated = true;
      }
    }
    if (line.kind === 'gce') noteGoogle({ tokens, machines, foreignRemovals }, line);
    if (line.kind === 'machine' && (line.operation === 'killed' || line.how === 'terminate')) {
      const machine = machines.get(line.workerId);
      if (machine) machine.over = true;
    }
  }
  return { tokens, machines: [...machines.values()], untokened, foreignRemovals };
}

/** Machines of a bulk insertion exist when its operation has ended; a request id is known by its zone. */
// oxlint-disable-next-line complexity -- one branch for each kind of line
function noteGoogle({ tokens, machines, foreignRemovals }, { operation, outcome, zone, ...line }) {
  if (operation === 'instances.bulkInsert' && line.requestId) {
    noteToken(
      tokens,
      { ...line, region: zone, clientToken: line.requestId, outcome },
      line.repeated ? [] : (line.targets ?? []),
    );
  }
  if (operation === 'end of instances.bulkInsert') {
    const ours = line.labels[LAUNCH_TAG] !== undefined;
    for (const id of line.created ?? []) {
      machines.set(id, { id, region: zone, pool: line.workerPoolId, ours, over: false, terminated: false });
    }
  }
  if (operation === 'instances.delete' && outcome === 'ok') {
    for (const id of line.targets ?? []) if (!machines.get(id)?.ours) foreignRemovals.push(id);
  }
  if (operation.startsWith('end of ')) {
    for (const id of line.deleted ?? []) {
      const machine = machines.get(id);
      if (machine) machine.over = machine.terminated = true;
    }
  }
}

function noteToken(tokens, line, created) {
  const key = `${line.region} ${line.clientToken}`;
  const token = tokens.get(key) ?? { key, calls: 0, created: 0, requests: new Set(), mismatches: 0 };
  tokens.set(key, token);
  token.calls += 1;
  token.requests.add(line.parametersHash);
  if (created.length > 0) token.created += 1;
  if (line.outcome === 'IdempotentParameterMismatch') token.mismatches += 1;
}

/** All lifecycles by workflow id, with the status of their last run. */
async function readLifecycles(address, namespace) {
  const { Client, Connection } = await import('@temporalio/client');
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  const found = new Map();
  try {
    for await (const { workflowId, status } of client.workflow.list({ query: "WorkflowType = 'workerLifecycle'" })) {
      // The newest run comes first; the ones before it were continued.
      if (!found.has(workflowId)) found.set(workflowId, status.name);
    }
  } finally {
    await connection.close();
  }
  return found;
}

/** All rows by lifecycle id, of the pools that there still are: one may go between the two reads. */
async function readRows(url) {
  const rows = new Map();
  for (const { workerPoolId } of await readAll(url, '/worker-pools', 'workerPools')) {
    for (const worker of (await readAll(url, `/workers/${encodeURIComponent(workerPoolId)}`, 'workers')) ?? []) {
      rows.set(`worker/${workerPoolId}/${worker.workerGroup}/${worker.workerId}`, worker.state);
    }
  }
  return rows;
}

/** Null where there is nothing of this path. */
async function readAll(url, path, key) {
  const items = [];
  let continuationToken = '';
  do {
    const query = new URLSearchParams({ limit: '1000', ...(continuationToken && { continuationToken }) });
    const response = await fetch(`${url}/api/worker-manager/v1${path}?${query}`);
    if (response.status === 404) return null;
    if (!response.ok) throw new Error(`GET ${path} answered with ${response.status}`);
    const body = await response.json();
    items.push(...body[key]);
    continuationToken = body.continuationToken ?? '';
  } while (continuationToken);
  return items;
}

/** Every promise with what broke it. */
function judge({ tokens, machines, untokened, foreignRemovals }, lifecycles, rows, ended) {
  const all = [...tokens.values()];
  const ours = machines.filter((machine) => machine.ours);
  const ownerOf = ({ pool, region, id }) => `worker/${pool}/${region}/${id}`;
  const promises = [
    [
      'launches doubled',
      all.filter(({ created }) => created > 1).map(({ key, created }) => `${key}: made machines ${created} times`),
    ],
    [
      'tokens with two requests',
      all.filter(({ requests, mismatches }) => requests.size > 1 || mismatches > 0).map(({ key }) => key),
    ],
    ['machines launched without a token', untokened],
    ['removals of machines that are not ours', foreignRemovals],
  ];
  if (lifecycles) {
    const owned = new Set(ours.map(ownerOf));
    promises.push(
      ['machines without a lifecycle', ours.map(ownerOf).filter((id) => !lifecycles.has(id))],
      ['lifecycles without a machine', [...lifecycles.keys()].filter((id) => isOfCloud(id) && !owned.has(id))],
      [
        'lifecycles that ended badly',
        [...lifecycles]
          .filter(([, status]) => !['RUNNING', 'COMPLETED'].includes(status))
          .map(([id, status]) => `${id}: ${status}`),
      ],
    );
  }
  if (rows)
    promises.push([
      'rows without a machine',
      [...rows.keys()].filter((id) => isOfCloud(id) && !ours.some((machine) => ownerOf(machine) === id)),
    ]);
  if (lifecycles && rows)
    promises.push(['rows without a lifecycle', [...rows.keys()].filter((id) => !lifecycles.has(id))]);
  if (ended) {
    promises.push(['machines not gone', ours.filter(({ over }) => !over).map(ownerOf)]);
    if (lifecycles)
      promises.push([
        'lifecycles not ended',
        [...lifecycles].filter(([, status]) => status === 'RUNNING').map(([id]) => id),
      ]);
    if (rows)
      promises.push([
        'rows not stopped',
        [...rows].filter(([, state]) => state !== 'stopped').map(([id, state]) => `${id}: ${state}`),
      ]);
  }
  return promises;
}

/** Static workers have no machine that the simulator created. */
function isOfCloud(lifecycleId) {
  return /\/(i-[0-9a-f]+|\d{10,})$/.test(lifecycleId);
}

function report({ tokens, machines }, promises) {
  const ours = machines.filter((machine) => machine.ours);
  const figures = [
    ['launches', tokens.size],
    ['calls to launch', [...tokens.values()].reduce((sum, { calls }) => sum + calls, 0)],
    ['machines created', ours.length],
    ['machines terminated by us', ours.filter(({ terminated }) => terminated).length],
    ['machines over', ours.filter(({ over }) => over).length],
    ...promises.map(([promise, violations]) => [promise, violations.length]),
  ];
  const lines = figures.map(([name, figure]) => `${name.padEnd(40)} ${String(figure).padStart(6)}`);
  const broken = promises.filter(([, violations]) => violations.length > 0);
  for (const [promise, violations] of broken) {
    lines.push('', `${promise}:`, ...violations.slice(0, MAX_SHOWN).map((violation) => `  ${violation}`));
    if (violations.length > MAX_SHOWN) lines.push(`  and ${violations.length - MAX_SHOWN} more`);
  }
  return { isKept: broken.length === 0, table: lines.join('\n') };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { isKept, table } = await checkEvidence(readOptions());
  console.log(table);
  process.exitCode = isKept ? 0 : 1;
}
