import { TcpProxy } from '../../dev/testing/tcp-proxy.js';
import type { SimulatorFlags } from '../../dev/testing/simulator.js';
import { startSystem, type System } from '../../dev/testing/system.js';

/** After the end of a silence; the requests take their own time besides, which a busy machine makes longer. */
export const WORKS_WITHIN_MS = 30_000;

/** A deployment whose API and whose Temporal workers reach the database each by a proxy of their own. */
export interface SilencedSystem {
  readonly system: System;
  readonly apiSide: TcpProxy;
  readonly workerSide: TcpProxy;
  readonly proxies: readonly TcpProxy[];
  /** The path of a configuration whose database is behind the proxy. */
  readonly behind: (proxy: TcpProxy, name: string) => string;
  /** Whether the API answers for the database by now. */
  readonly answers: () => Promise<boolean>;
  readonly stop: () => Promise<void>;
}

/** Nothing of the product is started yet. */
export async function silencedSystem(simulator: SimulatorFlags = {}): Promise<SilencedSystem> {
  const system = await startSystem({ start: false, simulator });
  const apiSide = await TcpProxy.start(system.databaseUrl);
  const workerSide = await TcpProxy.start(system.databaseUrl);
  const proxies = [apiSide, workerSide];
  return {
    ...{ system, apiSide, workerSide, proxies },
    behind: (proxy, name) => system.writeConfig({ database: { url: proxy.url } }, name),
    answers: async () => (await system.api.call('GET', '/worker-pools')).status === 200,
    stop: async () => {
      for (const proxy of proxies) proxy.speak('lost');
      await system.stop();
      for (const proxy of proxies) await proxy.stop();
    },
  };
}
