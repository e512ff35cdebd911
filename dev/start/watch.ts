import { setTimeout as delay } from 'node:timers/promises';
import type { WorkerKey } from '../../domain/ids.js';
import { getJson } from './http.js';
import { lifecycleLink } from './links.js';
import type { Screen } from './screen.js';
import { tableLines, takeSnapshot, totalsLine, type PoolRow } from './snapshot.js';
import type { Running } from './state.js';

const POLL_INTERVAL_MS = 1_000;
/** Where lines can't be drawn anew. */
const LINE_EVERY_MS = 10_000;

/** Reads the pools every second, and shows them. */
export class Watch {
  readonly #running: Running;
  readonly #screen: Screen;
  readonly #serverUpAt: number;
  #rows: readonly PoolRow[] = [];
  /** A worker that runs, for the link. */
  #example: WorkerKey | null = null;
  #lineAt = 0;

  constructor(running: Running, screen: Screen, serverUpAt: number) {
    this.#running = running;
    this.#screen = screen;
    this.#serverUpAt = serverUpAt;
  }

  pendingOf(workerPoolId: string): number {
    return this.#rows.find((row) => row.workerPoolId === workerPoolId)?.pending ?? 0;
  }

  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const answers = await this.#refresh();
      if (stop.aborted) return;
      this.#show(answers);
      await delay(POLL_INTERVAL_MS, undefined, { signal: stop }).catch(() => undefined);
    }
  }

  async #refresh(): Promise<boolean> {
    try {
      this.#rows = await takeSnapshot(this.#running);
      if (this.#example === null) await this.#findExample();
      return true;
    } catch {
      return false;
    }
  }

  /** Static workers run from the start; the first machine is what people wait for. */
  async #findExample(): Promise<void> {
    const pool = this.#rows.find((row) => row.providerId === 'aws' && row.running > 0);
    if (!pool) return;
    const url = `${this.#running.apiUrl}/api/worker-manager/v1/workers/${encodeURIComponent(pool.workerPoolId)}`;
    const { workers } = await getJson<{ workers: WorkerKey[] }>(`${url}?state=running&limit=1`);
    this.#example = workers[0] ?? null;
    if (!this.#example) return;
    const after = ((Date.now() - this.#serverUpAt) / 1000).toFixed(1);
    this.#screen.say(
      `A worker runs ${after} s after everything was up: ${this.#example.workerId} of ${pool.workerPoolId}`,
      `  its life: ${lifecycleLink(this.#running.temporalUiUrl, this.#example)}`,
      '',
    );
  }

  #show(answers: boolean): void {
    const note = answers ? [] : ['(the API or the simulator does not answer at the moment)'];
    if (this.#screen.isTerminal) {
      this.#screen.draw([...tableLines(this.#rows), ...note]);
      return;
    }
    if (Date.now() - this.#lineAt < LINE_EVERY_MS) return;
    this.#lineAt = Date.now();
    this.#screen.say(`${new Date().toISOString().slice(11, 19)}  ${totalsLine(this.#rows)}`, ...note);
  }
}
