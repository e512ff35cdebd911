import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { Capacity } from './capacity.js';
import { contradictions, doubledLifecycles, leftovers, unaccountedErrors, unknownLaunches } from './consistency.js';
import type { Journal } from './journal.js';
import { openLifecycles, workerIdOf } from './lifecycles.js';
import { Ownership } from './ownership.js';
import { RequestLog } from './request-log.js';
import type { ErrorRow, Rows } from './rows.js';
import { type World, WorldReader } from './world.js';

export interface CheckerOptions {
  readonly simulatorUrl: string;
  readonly logFile: string;
  readonly sweepSeconds: number;
  readonly journal: Journal;
  /** Lists open lifecycles by a way of its own to Temporal. */
  readonly temporal: Client;
  /** The database at this instant. */
  readonly readRows: () => Promise<Rows>;
  /** False: nobody can read it but at times that the caller of `judgeRows` knows. */
  readonly readsRowsAtWill: boolean;
  readonly onViolation: (violation: string) => void;
}

const EVERY_MS = 2_000;
const ROWS_EVERY_MS = 15_000;

/**
 * Observes a deployment from outside and says what breaks its promises. This folder imports nothing of the product: it
 * knows the simulator's log and controls, the database's tables, and the names of lifecycles in Temporal.
 */
export class Checker {
  readonly #options: CheckerOptions;
  readonly #world: WorldReader;
  readonly #log: RequestLog;
  readonly #ownership: Ownership;
  readonly #capacity: Capacity;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #rowsAt = 0;
  #last: World | null = null;
  readonly #workers = new Set<string>();
  #unreadableSince: number | null = null;
  #endOutage: () => void = () => undefined;
  readonly violations = new Set<string>();
  observations = 0;

  constructor(options: CheckerOptions) {
    const { journal, simulatorUrl, logFile, sweepSeconds } = options;
    this.#options = options;
    this.#world = new WorldReader(simulatorUrl);
    this.#log = new RequestLog(logFile, journal);
    this.#ownership = new Ownership(journal, sweepSeconds * 1000);
    this.#capacity = new Capacity(journal);
  }

  get figures() {
    return {
      observations: this.observations,
      launches: this.#log.launchCalls,
      lifecycles: this.#workers.size,
      longestWithoutOwnerMs: this.#ownership.longestMs,
      withoutOwner: this.#ownership.lost,
    };
  }

  /** For how long Temporal has not been readable. */
  get unreadableMs(): number {
    return this.#unreadableSince === null ? 0 : Date.now() - this.#unreadableSince;
  }

  /** Machines of ours that exist, as last seen. */
  get machines(): readonly { readonly id: string; readonly pool: string | null; readonly registered: boolean }[] {
    const { foreign } = this.#options.journal;
    return (this.#last?.machines ?? []).filter(({ id, isEnding }) => !isEnding && !foreign.has(id));
  }

  start(): void {
    this.#running = (async () => {
      while (!this.#stop.signal.aborted) {
        await this.observe().catch((error: unknown) => this.#report([`nothing could be observed: ${String(error)}`]));
        await delay(EVERY_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      }
    })();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async observe(): Promise<void> {
    const lifecycles = await this.#readLifecycles();
    const world = await this.#readWorld();
    this.#last = world;
    this.observations += 1;
    this.#capacity.note(world);
    if (lifecycles) {
      for (const id of lifecycles) this.#workers.add(workerIdOf(id));
      this.#ownership.judge(world, lifecycles);
      this.#report(doubledLifecycles(lifecycles));
    }
    this.#log.readOn();
    const { readsRowsAtWill } = this.#options;
    if (readsRowsAtWill && Date.now() - this.#rowsAt >= ROWS_EVERY_MS) await this.judgeRows();
    this.#report([...this.#log.broken, ...this.#ownership.broken, ...this.#capacity.broken]);
  }

  /** Compares the rows with the world before and after they were read. */
  async judgeRows(): Promise<Rows | null> {
    const before = await this.#readWorld();
    this.#capacity.note(before);
    const rows = await this.#options.readRows().catch(() => null);
    if (!rows) return null;
    this.#rowsAt = Date.now();
    for (const { worker_id: id } of rows.workers) this.#workers.add(id);
    const { journal } = this.#options;
    this.#report([
      ...contradictions(rows, await this.#readWorld(), journal),
      ...(rows.at >= before.at ? unknownLaunches(before, rows, journal) : []),
    ]);
    this.#capacity.judge(rows);
    this.#report([...this.#capacity.broken]);
    return rows;
  }

  /** What still exists, in the clouds and in Temporal. */
  async left(): Promise<string[]> {
    const lifecycles = await this.#readLifecycles();
    if (!lifecycles) return ['Temporal cannot be read'];
    return leftovers(await this.#readWorld(), lifecycles, null, this.#options.journal);
  }

  /** What rows still say to exist, or to be under way. */
  async leftInRows(): Promise<string[]> {
    const rows = await this.judgeRows();
    if (!rows) return ['the database cannot be read'];
    return leftovers(await this.#readWorld(), [], rows, this.#options.journal);
  }

  /** Once everything should have ended. */
  async conclude(explains: (error: ErrorRow) => boolean): Promise<Rows | null> {
    await this.stop();
    await this.observe();
    const rows = await this.judgeRows();
    const lifecycles = (await this.#readLifecycles()) ?? ['Temporal cannot be read'];
    this.#report(leftovers(await this.#readWorld(), lifecycles, rows, this.#options.journal));
    if (rows) this.#report(unaccountedErrors(rows.errors, explains));
    else this.#report(['the database cannot be read']);
    return rows;
  }

  async #readWorld(): Promise<World> {
    const world = await this.#world.read();
    for (const { id, isPlanted } of world.machines) if (isPlanted) this.#options.journal.foreign.add(id);
    return world;
  }

  async #readLifecycles(): Promise<readonly string[] | null> {
    try {
      const open = await openLifecycles(this.#options.temporal);
      this.#endOutage();
      this.#unreadableSince = null;
      return open;
    } catch {
      if (this.#unreadableSince === null) {
        this.#unreadableSince = Date.now();
        this.#endOutage = this.#options.journal.beginOutage();
      }
      return null;
    }
  }

  #report(violations: readonly string[]): void {
    for (const violation of violations) {
      if (this.violations.has(violation)) continue;
      this.violations.add(violation);
      this.#options.onViolation(violation);
    }
  }
}
