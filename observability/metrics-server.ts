import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { isLoopback } from '../domain/loopback.js';
import type { Config } from '../config/schema.js';
import type { Health } from './health.js';
import type { Metrics } from './metrics.js';

/**
 * What monitoring reads of a process, whatever its role: `/metrics` with our figures and those of its Temporal workers
 * (taken from `temporalUrl`; null where it has none), and the two heartbeats of the API for a process that has none.
 */
export class MetricsServer {
  private readonly sources: {
    readonly metrics: Metrics;
    readonly health: Health;
    readonly temporalUrl: string | null;
  };
  private readonly server = createServer((request, response) => {
    if (!this.isForUs(request)) response.writeHead(403).end();
    else this.answer(request.url ?? '', response).catch(() => response.writeHead(503).end());
  });

  private isOnLoopback = false;

  constructor(sources: MetricsServer['sources']) {
    this.sources = sources;
  }

  /** Rejects when the address cannot be had. */
  async listen({ host, port }: Config['metrics']): Promise<void> {
    this.isOnLoopback = isLoopback(host);
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, resolve);
    });
  }

  async close(): Promise<void> {
    if (!this.server.listening) return;
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  /** On a loopback address only this machine's names count: a page in a browser may have made its own point here. */
  private isForUs({ headers }: IncomingMessage): boolean {
    const url = `http://${headers.host ?? ''}`;
    return !this.isOnLoopback || (URL.canParse(url) && isLoopback(new URL(url).hostname));
  }

  private async answer(url: string, response: ServerResponse): Promise<void> {
    const { metrics, health, temporalUrl } = this.sources;
    if (url === '/metrics') {
      const [own, temporal] = await Promise.all([metrics.render(), readTemporalMetrics(temporalUrl)]);
      response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(`${own}${temporal}`);
    } else if (url === '/__lbheartbeat__') json(response, 200, {});
    else if (url === '/__heartbeat__') {
      const failed = await health.failed();
      json(response, failed.length === 0 ? 200 : 503, failed.length === 0 ? {} : { failed });
    } else response.writeHead(404).end();
  }
}

/** They come from this process. */
const METRICS_TIMEOUT_MS = 5_000;

async function readTemporalMetrics(url: string | null): Promise<string> {
  if (url === null) return '';
  const answer = await fetch(url, { signal: AbortSignal.timeout(METRICS_TIMEOUT_MS) });
  return answer.ok ? await answer.text() : '';
}

const json = (response: ServerResponse, status: number, body: object): void =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
