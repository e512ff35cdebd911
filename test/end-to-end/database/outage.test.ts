import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { awsPool } from '../../../dev/testing/api-client.js';
import { proofSize } from '../../support/long.js';
import { SYSTEM_TIMEOUT_MS } from '../../../dev/testing/patience.js';
import { expectSettled, machinesOf } from '../../support/pool-steps.js';
import { ProductProcess, serveProgram } from '../../../dev/testing/product.js';
import { silencedSystem, WORKS_WITHIN_MS, type SilencedSystem } from '../../support/silenced-system.js';
import { Supervisor } from '../../support/supervisor.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** A worker process may be cut off for five minutes, or for five seconds where a test's probes say so. */
const { outageMs, probes } = proofSize({
  short: { outageMs: 15 * SECOND, probes: [SECOND, 5] },
  long: { outageMs: 10 * MINUTE, probes: [10 * SECOND, 30] },
});
const POOL = 'outage/pool';

jest.setTimeout(proofSize({ short: SYSTEM_TIMEOUT_MS, long: 30 * MINUTE }));

/** One deployment through one outage. */
class Outage {
  readonly deployment: SilencedSystem;
  readonly workers: Supervisor;
  /** Of the API, while the database is silent. */
  readonly statuses = new Set<number>();
  readonly heartbeats = new Set<string>();

  static async start(): Promise<Outage> {
    const deployment = await silencedSystem({ idleMs: 30 * MINUTE });
    const outage = new Outage(deployment);
    const api = deployment.system.spawn('api', deployment.behind(deployment.apiSide, 'api.json'));
    await Promise.all([api.serves(), outage.workers.current.serves()]);
    return outage;
  }

  private constructor(deployment: SilencedSystem) {
    this.deployment = deployment;
    const { system } = deployment;
    const args = [deployment.behind(deployment.workerSide, 'worker.json'), 'worker', ...probes.map(String)];
    let starts = 0;
    this.workers = new Supervisor(() => {
      const logFile = join(system.folder, `supervised-${(starts += 1)}.log`);
      return new ProductProcess(args, logFile, {}, serveProgram);
    });
  }

  async pass(meanwhile: 'arrives' | 'lost'): Promise<void> {
    const { system, proxies, answers } = this.deployment;
    const begun = performance.now();
    await system.api.createPool(POOL, awsPool({ minCapacity: 1 }));
    await expectSettled(system, POOL, 1);
    const withinMs = WORKS_WITHIN_MS + 2 * (performance.now() - begun);
    for (const proxy of proxies) proxy.silence();
    const over = delay(outageMs);
    await Promise.all([this.#requested(over), this.workers.current.ended, over]);
    for (const proxy of proxies) proxy.speak(meanwhile);
    await system.waitFor(answers, 'an answer of the API', withinMs);
    await system.waitFor(async () => (await this.#heartbeat()).status === 200, 'a good heartbeat', withinMs);
    await system.waitFor(() => this.workers.current.output().includes('"serving"'), 'a worker process');
    await system.api.updatePool(POOL, awsPool({ minCapacity: 2 }));
    await system.waitFor(async () => (await machinesOf(system, POOL)).length === 2, 'a launch', withinMs);
    await expectSettled(system, POOL, 2);
  }

  async stop(): Promise<void> {
    await this.workers.stop();
    await this.deployment.stop();
  }

  /**
   * Asks the API again and again until the outage is over; an answer may take as long as the database is waited for.
   */
  async #requested(over: Promise<unknown>): Promise<void> {
    let isOver = false;
    void over.then(() => (isOver = true));
    while (!isOver) {
      const list = this.deployment.system.api.call('GET', '/worker-pools');
      const [{ status }, beat] = await Promise.all([list, this.#heartbeat()]);
      this.statuses.add(status);
      this.heartbeats.add(`${beat.status} ${JSON.stringify(beat.body)}`);
    }
  }

  async #heartbeat() {
    return await this.deployment.system.api.call('GET', '/__heartbeat__');
  }
}

describe('a deployment whose database is silent for longer than a worker process may be cut off', () => {
  /** What becomes of what was sent meanwhile. */
  const meanwhiles = proofSize<('arrives' | 'lost')[]>({ short: ['lost'], long: ['arrives', 'lost'] });
  let outages: Outage[] = [];
  beforeAll(async () => {
    outages = await Promise.all(meanwhiles.map(() => Outage.start()));
  });
  afterAll(async () => void (await Promise.all(outages.map((outage) => outage.stop()))));

  test('a deployment without its database ends its worker process with 2, answers 503 all the while, and works within 30 s after the end', async () => {
    await Promise.all(outages.map((outage, index) => outage.pass(meanwhiles[index]!)));
    for (const { deployment, workers, statuses, heartbeats } of outages) {
      expect(deployment.system.process('api').hasEnded).toBe(false);
      expect(new Set(workers.ends.map(({ code }) => code))).toEqual(new Set([2]));
      expect([...statuses]).toEqual([503]);
      // A heartbeat from before the silence is good for a few seconds.
      expect([...heartbeats].filter((beat) => !beat.startsWith('200'))).toEqual(['503 {"failed":["database"]}']);
    }
  });
});
