import { createServer } from 'node:http';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Config } from '../config/schema.js';
import { workerStates } from '../domain/worker.js';
import type { CallOutcome, CloudCall } from '../providers/provider.js';
import { metricFacts } from '../records/metric-facts.js';
import type { Records } from '../records/open.js';

/** Seconds; cloud calls are mostly tens to hundreds of milliseconds. */
const CALL_BUCKETS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** This process's figures, and those of the records, which every process can give. */
export class Metrics {
  private readonly registry = new Registry();
  private readonly calls = new Counter({
    name: 'worker_manager_cloud_calls_total',
    help: 'Calls to clouds, by operation and outcome',
    labelNames: ['providerId', 'operation', 'region', 'outcome'],
    registers: [this.registry],
  });
  private readonly callSeconds = new Histogram({
    name: 'worker_manager_cloud_call_seconds',
    help: 'Duration of calls to clouds',
    labelNames: ['providerId', 'operation'],
    buckets: CALL_BUCKETS,
    registers: [this.registry],
  });
  private readonly workers = new Gauge({
    name: 'worker_manager_workers',
    help: 'Workers that are not stopped, by pool and state',
    labelNames: ['workerPoolId', 'providerId', 'state'],
    registers: [this.registry],
  });
  private readonly launches = new Gauge({
    name: 'worker_manager_launches',
    help: 'Launches on record, by status; open ones have no answer yet',
    labelNames: ['status'],
    registers: [this.registry],
  });
  private readonly openAge = new Gauge({
    name: 'worker_manager_oldest_open_launch_seconds',
    help: 'Age of the oldest launch without an answer; 0 when there is none',
    registers: [this.registry],
  });
  private server: ReturnType<typeof createServer> | null = null;

  readonly onCloudCall = ({ providerId, operation, region }: CloudCall, { result, durationMs }: CallOutcome): void => {
    this.calls.inc({ providerId, operation, region: region ?? '', outcome: result });
    this.callSeconds.observe({ providerId, operation }, durationMs / 1000);
  };

  /** Serves `GET /metrics`. `temporalUrl` is where the SDK's own figures are; they are appended. */
  async listen({ host, port }: Config['metrics'], records: Records, temporalUrl: string): Promise<void> {
    const server = createServer((request, response) => {
      if (request.url !== '/metrics') {
        response.writeHead(404).end();
        return;
      }
      this.render(records, temporalUrl).then(
        (text) => response.writeHead(200, { 'content-type': this.registry.contentType }).end(text),
        () => response.writeHead(503).end(),
      );
    });
    this.server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
  }

  async close(): Promise<void> {
    const { server } = this;
    if (server?.listening) await new Promise((resolve) => server.close(resolve));
  }

  private async render(records: Records, temporalUrl: string): Promise<string> {
    const facts = await metricFacts(records.db, Date.now());
    // Made anew each time: a pool that is gone leaves no figure behind (W68).
    this.workers.reset();
    for (const { workerPoolId, providerId, ...counts } of facts.workers) {
      for (const state of workerStates) {
        if (state !== 'stopped') this.workers.set({ workerPoolId, providerId, state }, counts[state]);
      }
    }
    this.launches.reset();
    for (const { status, launches } of facts.launches) this.launches.set({ status }, launches);
    this.openAge.set(facts.oldestOpenLaunchSeconds);
    const own = await this.registry.metrics();
    const temporal = await fetch(temporalUrl).then((response) => response.text());
    return `${own}\n${temporal}`;
  }
}
