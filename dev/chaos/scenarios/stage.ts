import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EC2Client, RunInstancesCommand } from '@aws-sdk/client-ec2';
import type { CapacityShape } from '../../testing/api-client.js';
import { eventually } from '../../testing/eventually.js';
import { ProductProcess } from '../../testing/product.js';
import { openLifecycles } from '../check/lifecycles.js';
import type { Deployment } from '../deployment.js';

const PATIENCE_MS = 180_000;
/**
 * A lifecycle that has lost its row ends when two lists a minute apart, five minutes after its start, miss its machine.
 */
const END_PATIENCE_MS = 12 * 60_000;

/** A definition of a pool somewhere, which has this capacity. */
export type DefinePool = (capacity: CapacityShape) => object;

/** Steps of scenarios, which act on a deployment with a database that others can read and write. */
export class Stage {
  readonly deployment: Deployment;
  /** Resolves at the first violation. */
  readonly broken: Promise<void>;
  readonly #onViolation: (violation: string) => void;
  readonly #definitions = new Map<string, DefinePool>();

  constructor(deployment: Deployment, onViolation: (violation: string) => void) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.deployment = deployment;
    this.broken = promise;
    this.#onViolation = (violation) => {
      onViolation(violation);
      resolve();
    };
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
  async runningPool(pool: string, count: number, define: DefinePool): Promise<string[]> {
    const { api, simulator } = this.deployment;
    this.#definitions.set(pool, define);
    const definition = define({ minCapacity: count, maxCapacity: count });
    await api.createPool(pool, definition).catch(() => api.updatePool(pool, definition));
    const running = async () =>
      await this.sql<{ worker_id: string }>(
        `select worker_id from workers where worker_pool_id = $1 and state = 'running' order by created`,
        [pool],
      );
    await this.until(async () => (await running()).length === count, `${count} workers of ${pool}`);
    const ids = (await running()).map((row) => row.worker_id);
    // One whose answer was lost registers again, and gives up where the database does not know it by then.
    const registered = async () => {
      const machines = await this.deployment.simulator.machines();
      return ids.every((id) => machines.some((one) => one.instanceId === id && one.registered));
    };
    await this.until(registered, `${count} registered machines of ${pool}`);
    for (const id of ids) await simulator.act(id, 'hang').catch(() => undefined);
    return ids;
  }

  async wantNone(pool: string): Promise<void> {
    await this.deployment.api.updatePool(pool, this.#definitions.get(pool)!({ minCapacity: 0, maxCapacity: 0 }));
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

  /** Sweeps that are all held for this reason, the first among them, with time enough between them. */
  async expectHeld(reason: string, machines: readonly string[]): Promise<void> {
    for (let sweeps = 0; sweeps < 4; sweeps += 1) {
      const held = await this.sweep();
      this.expect(held.includes(reason), `a sweep was not held for "${reason}", but for "${held.join(', ')}"`);
      for (const id of machines) this.expect(await this.exists(id), `removed while "${reason}" holds: ${id}`);
      await this.letTimePass();
    }
    this.expect(this.hasLine('orphan-removals-held', reason), `no line orphan-removals-held says "${reason}"`);
  }

  /** What an operator's command says. */
  async command(...args: string[]): Promise<string> {
    const { folder, api } = this.deployment;
    const log = join(folder, `command-${args.join('-')}.log`);
    const process = new ProductProcess([...args, '--url', api.url], log);
    const { code } = await process.ended;
    this.expect(code === 0, `worker-manager ${args.join(' ')} ended with ${code}: ${process.output().slice(-500)}`);
    return process.output();
  }

  /** As the product launches, for this deployment, and no database knows of it. */
  async launchUnknown(region: string, token: string): Promise<string> {
    const [row] = await this.sql<{ deployment_id: string }>('select deployment_id from deployment');
    const tags = { 'worker-manager-deployment': row!.deployment_id, 'worker-manager-launch': token };
    const id = await this.#launch(region, tags, token);
    // Lists show it after a while; a sweep that cannot see it is not held.
    await this.until(async () => (await this.command('sweep', '--dry-run')).includes(id), `${id} in the lists`);
    return id;
  }

  /** Somebody launches a machine with all the tags of one of ours. */
  async copyOf(instanceId: string, token?: string): Promise<string> {
    const machines = await this.deployment.simulator.machines();
    const { region, tags } = machines.find((one) => one.instanceId === instanceId)!;
    return await this.#launch(region, tags, token);
  }

  async #launch(region: string, tags: Readonly<Record<string, string>>, ClientToken?: string): Promise<string> {
    const credentials = { accessKeyId: 'somebody', secretAccessKey: 'else' };
    const client = new EC2Client({ region, endpoint: this.deployment.simulator.ec2Endpoint, credentials });
    const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    const { Instances } = await client.send(
      new RunInstancesCommand({
        ...{ ImageId: 'ami-12345678', InstanceType: 't3.micro', MinCount: 1, MaxCount: 1, ClientToken },
        TagSpecifications: [{ ResourceType: 'instance', Tags }],
      }),
    );
    client.destroy();
    return Instances![0]!.InstanceId!;
  }

  /** Of these machines: themselves, and what Azure keeps of each. */
  async #leftOf(machines: readonly string[]): Promise<string[]> {
    const { resources } = await this.deployment.simulator.azureState();
    const parts = resources.filter(({ tags }) => Object.values(tags).some((tag) => machines.includes(tag)));
    const alive = await Promise.all(machines.map(async (id) => ((await this.exists(id)) ? [id] : [])));
    return [...alive.flat(), ...parts.map(({ id }) => id)];
  }

  /** Removes all workers of these pools; then nothing is left of these machines and no lifecycle is open. */
  async endAll(pools: readonly string[], machines: readonly string[]): Promise<void> {
    const { api, temporalClient } = this.deployment;
    for (const pool of pools) {
      await this.wantNone(pool);
      for (const worker of await api.workers(pool)) if (worker.state !== 'stopped') await api.removeWorker(worker);
    }
    const left = async () => [...(await openLifecycles(temporalClient)), ...(await this.#leftOf(machines))];
    await this.until(async () => (await left()).length === 0, 'nothing to be left', END_PATIENCE_MS).catch(
      () => undefined,
    );
    const still = await left();
    this.expect(still.length === 0, `left in the end: ${still.join(', ')}`);
  }

  /** Of this event, in what the deployment's own processes logged; with these words in it. */
  hasLine(event: string, words = ''): boolean {
    const { folder } = this.deployment;
    const logs = readdirSync(folder).filter((name) => /^(worker|all)-.*\.log$/.test(name));
    return logs.some((name) =>
      readFileSync(join(folder, name), 'utf8')
        .split('\n')
        .some((line) => line.includes(`"${event}"`) && line.includes(words)),
    );
  }

  /** A configuration as the deployment's workers have it, but for these sections. */
  configFile(name: string, changes: Readonly<Record<string, object>>): string {
    const { folder, processes } = this.deployment;
    const config = JSON.parse(readFileSync(processes.at(-1)!.configFile, 'utf8')) as Record<string, object>;
    const changed = Object.entries(changes).map(([section, change]) => [section, { ...config[section], ...change }]);
    const path = join(folder, `${name}.json`);
    writeFileSync(path, JSON.stringify({ ...config, ...Object.fromEntries(changed) }));
    return path;
  }

  /** A worker process beside the deployment's own; the caller ends it. */
  worker(name: string, changes: Readonly<Record<string, object>>): ProductProcess {
    const config = this.configFile(name, changes);
    const log = join(this.deployment.folder, `${name}.log`);
    return new ProductProcess(['serve', '--role', 'worker', '--config', config], log);
  }

  /** It must not serve, because the namespace is not that of its database. */
  async expectRefused(name: string, changes: Readonly<Record<string, object>>): Promise<void> {
    const process = this.worker(name, changes);
    const { code } = await process.ended;
    this.expect(code === 1, `${name}: serve ended with ${code}`);
    const isSaid = /belongs to deployment/.test(process.output());
    this.expect(isSaid, `${name}: no line says that the namespace is another deployment’s`);
  }
}
