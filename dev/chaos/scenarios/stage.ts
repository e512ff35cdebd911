import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EC2Client, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { awsPool } from '../../testing/api-client.js';
import { eventually } from '../../testing/eventually.js';
import { ProductProcess } from '../../testing/product.js';
import { openLifecycles } from '../check/lifecycles.js';
import type { Deployment } from '../deployment.js';

const PATIENCE_MS = 180_000;
/**
 * A lifecycle that has lost its row ends when two lists a minute apart, five minutes after its start, miss its machine.
 */
const END_PATIENCE_MS = 12 * 60_000;

/** Steps of scenarios, which act on a deployment with a database that others can read and write. */
export class Stage {
  readonly deployment: Deployment;
  readonly #onViolation: (violation: string) => void;

  constructor(deployment: Deployment, onViolation: (violation: string) => void) {
    this.deployment = deployment;
    this.#onViolation = onViolation;
  }

  /** A violation unless it holds. */
  expect(holds: boolean, what: string): void {
    if (!holds) this.#onViolation(what);
  }

  sql<Row extends object>(statement: string, values: readonly unknown[] = []): Promise<Row[]> {
    return this.deployment.store!.query<Row>(statement, values);
  }

  until(condition: () => Promise<boolean>, what: string, withinMs = PATIENCE_MS): Promise<boolean> {
    return eventually(condition, { withinMs, everyMs: 500, what });
  }

  /** A pool with so many running machines, whose agents do nothing any more: they leave when they are removed. */
  async runningPool(pool: string, count: number, region: string): Promise<string[]> {
    const { api, simulator } = this.deployment;
    const definition = awsPool({ minCapacity: count, maxCapacity: count, regions: [region] });
    await api.createPool(pool, definition).catch(() => api.updatePool(pool, definition));
    const running = async () =>
      await this.sql<{ worker_id: string }>(
        `select worker_id from workers where worker_pool_id = $1 and state = 'running' order by created`,
        [pool],
      );
    await this.until(async () => (await running()).length === count, `${count} workers of ${pool}`);
    const ids = (await running()).map((row) => row.worker_id);
    for (const id of ids) await simulator.act(id, 'hang').catch(() => undefined);
    return ids;
  }

  async wantNone(pool: string): Promise<void> {
    await this.deployment.api.updatePool(pool, awsPool({ minCapacity: 0, maxCapacity: 0 }));
  }

  async exists(instanceId: string): Promise<boolean> {
    const machines = await this.deployment.simulator.machines();
    return machines.some((one) => one.instanceId === instanceId && ['pending', 'running'].includes(one.state));
  }

  /** Somebody terminates its lifecycle, and its row is closed by mistake. */
  async orphan(instanceId: string): Promise<void> {
    const { temporalClient } = this.deployment;
    const id = (await openLifecycles(temporalClient)).find((one) => one.endsWith(`/${instanceId}`));
    await temporalClient.workflow.getHandle(id!).terminate('by chaos');
    await this.until(async () => !(await openLifecycles(temporalClient)).includes(id!), 'the end of a lifecycle');
    await this.sql(
      `update workers set state = 'stopped', stop_reason = 'by chaos',
        stopped_at = cast(extract(epoch from now()) * 1000 as bigint) where worker_id = $1`,
      [instanceId],
    );
  }

  /** The Schedule's sweep, now; gives why it was held. */
  async sweep(): Promise<string[]> {
    const newest = async () =>
      (
        await this.sql<{ run_id: string; held: string[] }>(
          'select run_id, held from orphan_sweeps where not is_dry_run order by ended desc limit 1',
        )
      )[0];
    const before = (await newest())?.run_id;
    await this.deployment.temporalClient.schedule.getHandle('sweep').trigger();
    await this.until(async () => (await newest())?.run_id !== before, 'a sweep');
    return (await newest())!.held;
  }

  /** Whatever let go of anything did so longer ago than any sweep waits for. */
  async letTimePass(): Promise<void> {
    for (const [table, column] of [
      ['launches', 'closed'],
      ['workers', 'stopped_at'],
      ['orphans', 'first_seen'],
    ])
      await this.sql(`update ${table} set ${column} = ${column} - 600000 where ${column} is not null`);
  }

  /** Sweeps that are all held for this reason, with time enough between them. */
  async expectHeld(reason: string, machines: readonly string[]): Promise<void> {
    await this.until(async () => (await this.sweep()).includes(reason), `a sweep that is held: ${reason}`);
    for (let again = 0; again < 3; again += 1) {
      await this.letTimePass();
      const held = await this.sweep();
      this.expect(held.includes(reason), `a sweep was not held for "${reason}", but for "${held.join(', ')}"`);
    }
    for (const id of machines) this.expect(await this.exists(id), `removed while "${reason}" holds: ${id}`);
    this.expect(this.#hasLine(reason), `no line orphan-removals-held says "${reason}"`);
  }

  /** What an operator's command says. */
  async command(...args: string[]): Promise<string> {
    const { folder, processes } = this.deployment;
    const log = join(folder, `command-${args.join('-')}.log`);
    const process = new ProductProcess([...args, '--config', processes[0]!.configFile], log);
    const { code } = await process.ended;
    this.expect(code === 0, `worker-manager ${args.join(' ')} ended with ${code}: ${process.output().slice(-500)}`);
    return process.output();
  }

  /** As the product launches, for this deployment, and no database knows of it. */
  async launchUnknown(region: string, token: string): Promise<string> {
    const [row] = await this.sql<{ deployment_id: string }>('select deployment_id from deployment');
    const tags = { 'worker-manager-deployment': row!.deployment_id, 'worker-manager-launch': token };
    const credentials = { accessKeyId: 'somebody', secretAccessKey: 'else' };
    const client = new EC2Client({ region, endpoint: this.deployment.simulator.ec2Endpoint, credentials });
    const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    const { Instances } = await client.send(
      new RunInstancesCommand({
        ...{ ImageId: 'ami-12345678', InstanceType: 't3.micro', MinCount: 1, MaxCount: 1, ClientToken: token },
        TagSpecifications: [{ ResourceType: 'instance', Tags }],
      }),
    );
    client.destroy();
    return Instances![0]!.InstanceId!;
  }

  /** Removes all workers of these pools; then nothing is left of these machines and no lifecycle is open. */
  async endAll(pools: readonly string[], machines: readonly string[]): Promise<void> {
    const { api, temporalClient } = this.deployment;
    for (const pool of pools) {
      await this.wantNone(pool);
      for (const worker of await api.workers(pool)) if (worker.state !== 'stopped') await api.removeWorker(worker);
    }
    const left = async () => [
      ...(await openLifecycles(temporalClient)),
      ...(await Promise.all(machines.map(async (id) => ((await this.exists(id)) ? [id] : [])))).flat(),
    ];
    await this.until(async () => (await left()).length === 0, 'nothing to be left', END_PATIENCE_MS).catch(
      () => undefined,
    );
    const still = await left();
    this.expect(still.length === 0, `left in the end: ${still.join(', ')}`);
  }

  #hasLine(reason: string): boolean {
    const { folder } = this.deployment;
    const logs = readdirSync(folder).filter((name) => /^(worker|all)-.*\.log$/.test(name));
    return logs.some((name) =>
      readFileSync(join(folder, name), 'utf8')
        .split('\n')
        .some((line) => line.includes('"orphan-removals-held"') && line.includes(reason)),
    );
  }
}
