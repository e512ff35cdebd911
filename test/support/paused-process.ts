import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ProductProcess, projectRoot, type Role } from '../../dev/testing/product.js';
import type { System } from '../../dev/testing/system.js';
import { TcpProxy } from '../../dev/testing/tcp-proxy.js';

/**
 * What a process writes to a socket, as a regular expression, before or after which it is to stop; see
 * `stops-itself.ts`.
 */
export interface Moment {
  readonly writes: string;
  readonly when: 'before' | 'after';
}

const program = [
  '--disable-warning=ExperimentalWarning',
  ...['--import', join(projectRoot, 'test/support/stops-itself.ts')],
  join(projectRoot, 'bin/worker-manager'),
];

/**
 * A process of the product that is stopped by SIGSTOP when it has met all of its moments, one after the other. Between
 * it and Temporal stands a proxy.
 */
export class PausedProcess {
  readonly #system: System;
  readonly #proxy: TcpProxy;
  readonly #process: ProductProcess;

  static async start(system: System, role: Role, moments: readonly Moment[]): Promise<PausedProcess> {
    const paused = new PausedProcess(system, role, moments, await TcpProxy.start(`tcp://${system.temporalAddress}`));
    await paused.#process.serves();
    return paused;
  }

  private constructor(system: System, role: Role, moments: readonly Moment[], proxy: TcpProxy) {
    this.#system = system;
    this.#proxy = proxy;
    const config = system.writeConfig({ temporal: { address: proxy.address } }, 'paused.json');
    const args = ['serve', '--role', role, '--config', config];
    const logFile = join(system.folder, `${role}-paused.log`);
    this.#process = new ProductProcess(args, logFile, { STOPS_ITSELF_AT: JSON.stringify(moments) }, program);
  }

  /** Waits until so many of its moments have come. */
  async hasMet(moments: number): Promise<void> {
    const line = `stops-itself: met ${moments}\n`;
    await this.#system.waitFor(() => this.#process.output().includes(line), `moment ${moments} of the paused process`);
  }

  /** Waits until none of its threads runs. What it polls for is given to others from then on. */
  async isStopped(): Promise<void> {
    const state = () => readFileSync(`/proc/${this.#process.pid}/stat`, 'utf8').split(') ')[1]?.[0];
    await this.#system.waitFor(() => state() === 'T', 'the process to be stopped');
    this.#proxy.resetAll();
  }

  goOn(): void {
    this.#process.sendSignal('SIGCONT');
  }

  /** Ends it, stopped or not. */
  async kill(): Promise<void> {
    await this.#process.signal('SIGKILL');
    await this.#proxy.stop();
  }
}
