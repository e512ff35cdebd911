import { emitKeypressEvents } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { PoolRow } from '../../api/schemas/overview.js';
import { workerKeyText } from '../../domain/ids.js';
import { messageOf } from '../../domain/values.js';
import { EXIT, ExitError } from '../exit.js';
import { type Connection, pathPart } from './connection.js';
import { liveRows } from './events.js';
import { explain, explanationText } from './explain.js';
import { hold, release } from './hold.js';
import { poolTable, workerPath, type WorkerRow, workerTable, worstFirstOf } from './lists.js';
import { age, type Table, textOfOne } from './output.js';
import { type Action, draw, emptyScreen, type Item, type Key, onKey, type Screen } from './top-screen.js';

/** From a connection that ended to the next one. */
const RECONNECT_MS = 2_000;
/** Nothing heard for so long: what is shown is old. */
const STALE_MS = 6_000;
const REDRAW_MS = 1_000;

/** All pools, or one pool's workers, on a whole terminal, as they change. */
export async function top(connection: Connection, { pool }: { readonly pool?: string }): Promise<void> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new ExitError(EXIT.bad, 'top draws on a terminal; elsewhere there is pools --watch');
  }
  // What is refused at all is refused before anything is drawn.
  await connection.call('GET', pool === undefined ? 'overview' : `worker-pool/${pathPart(pool)}`);
  const view = new Top(connection, pool ?? null);
  process.stdout.write('\u001B[?1049h\u001B[?25l');
  try {
    await view.run();
  } finally {
    process.stdout.write('\u001B[?25h\u001B[?1049l');
  }
}

const screenOf = (pool: string | null): Screen =>
  pool === null ? emptyScreen('pools', titlesOf(poolTable(0))) : emptyScreen('workers', titlesOf(workerTable(0)));

const titlesOf = <Row>({ columns }: Table<Row>): string[] =>
  columns.filter(({ wide }) => !wide).map(({ title }) => title);

const cellsOf = <Row>({ columns }: Table<Row>, row: Row): Item['cells'] =>
  columns.filter(({ wide }) => !wide).map(({ of }) => of(row));

class Top {
  readonly #connection: Connection;
  /** Null: all of them. */
  #pool: string | null;
  #screen: Screen;
  #rows: ReadonlyMap<string, unknown> = new Map();
  #heardAt: number | null = null;
  /** Ends what is followed now. */
  #following = new AbortController();
  readonly #quit = Promise.withResolvers<void>();

  constructor(connection: Connection, pool: string | null) {
    this.#connection = connection;
    this.#pool = pool;
    this.#screen = screenOf(pool);
  }

  async run(): Promise<void> {
    const onKeypress = (_text: string | undefined, key: Key) => this.#onKey(key);
    const redraw = () => this.#draw();
    const end = () => this.#quit.resolve();
    emitKeypressEvents(process.stdin);
    process.stdin.setRawMode(true);
    process.stdin.on('keypress', onKeypress);
    process.stdout.on('resize', redraw);
    process.once('SIGTERM', end).once('SIGHUP', end);
    const timer = setInterval(redraw, REDRAW_MS);
    void this.#follow();
    try {
      await this.#quit.promise;
    } finally {
      clearInterval(timer);
      this.#following.abort();
      process.stdin.off('keypress', onKeypress).setRawMode(false).pause();
    }
  }

  /** Another view, or the same one anew. */
  async #follow(): Promise<void> {
    this.#following.abort();
    const { signal } = (this.#following = new AbortController());
    this.#rows = new Map();
    this.#heardAt = null;
    while (!signal.aborted) {
      try {
        const topic = this.#pool === null ? 'overview' : (`pool:${this.#pool}` as const);
        for await (const rows of liveRows(this.#connection, topic, signal)) {
          if (signal.aborted) return;
          this.#rows = rows;
          this.#heardAt = Date.now();
          this.#draw();
        }
      } catch (error) {
        if (!signal.aborted) this.#say(messageOf(error));
      }
      // It keeps nobody waiting who has quit.
      await delay(RECONNECT_MS, undefined, { ref: false });
    }
  }

  #onKey(key: Key): void {
    const { screen, action } = onKey(this.#screen, key);
    this.#screen = screen;
    this.#draw();
    if (action) void this.#do(action).catch((error: unknown) => this.#say(messageOf(error)));
  }

  async #do(action: Action): Promise<void> {
    switch (action.do) {
      case 'quit':
        return this.#quit.resolve();
      case 'back':
        return this.#pool === null ? undefined : this.#show(null);
      case 'open':
        return this.#pool === null ? this.#show(action.name) : this.#details(action.name);
      case 'explain':
        return this.#pane(
          explanationText(await explain(this.#connection, action.name, {}, Date.now()), {
            output: 'table',
            headers: true,
          }),
        );
      case 'hold':
        return this.#say(await hold(this.#connection, { pool: action.name, reason: action.reason }));
      case 'release':
        return this.#say(await release(this.#connection, { pool: action.name }));
      case 'remove':
        await this.#connection.call('DELETE', workerPath(action.name));
        return this.#say(`${action.name}: its removal is on its way.`);
    }
  }

  #show(pool: string | null): void {
    this.#pool = pool;
    this.#screen = screenOf(pool);
    void this.#follow();
    this.#draw();
  }

  #details(name: string): void {
    const row = this.#workers().find((worker) => workerKeyText(worker) === name);
    if (row) this.#pane(textOfOne(row, name, 'yaml'));
  }

  #pane(text: string): void {
    this.#screen = { ...this.#screen, pane: text.split('\n') };
    this.#draw();
  }

  #say(message: string): void {
    this.#screen = { ...this.#screen, message: message.split('\n', 1)[0]! };
    this.#draw();
  }

  #pools(): PoolRow[] {
    return [...this.#rows].filter(([key]) => key.includes('/')).map(([, row]) => row as PoolRow);
  }

  #workers(): WorkerRow[] {
    return [...this.#rows].filter(([key]) => key.startsWith('worker/')).map(([, row]) => row as WorkerRow);
  }

  #items(): Item[] {
    const now = Date.now();
    if (this.#pool !== null) {
      return this.#workers().map((row) => ({ name: workerKeyText(row), cells: cellsOf(workerTable(now), row) }));
    }
    return worstFirstOf(this.#pools()).map((row) => ({
      name: row.workerPoolId,
      cells: cellsOf(poolTable(now), row),
      isHeld: row.hold !== null,
    }));
  }

  #headline(): string {
    const now = Date.now();
    const pools = this.#pool === null ? this.#pools() : [];
    const sum = (of: (row: PoolRow) => number | null) => pools.reduce((total, row) => total + (of(row) ?? 0), 0);
    const what =
      this.#pool ??
      [
        `${pools.length} pools`,
        `${sum(({ pendingTasks }) => pendingTasks)} pending`,
        `${sum(({ running }) => running)} running`,
        `${sum(({ requested }) => requested)} requested`,
        `${sum(({ stopping }) => stopping)} stopping`,
      ].join('  ');
    if (this.#heardAt === null) return `${what}  …`;
    const since = new Date(this.#heardAt).toISOString();
    return now - this.#heardAt > STALE_MS
      ? `${what}  NOT LIVE since ${since.slice(11, 19)} UTC`
      : `${what}  live, ${age(since, now)} ago`;
  }

  #draw(): void {
    this.#screen = { ...this.#screen, items: this.#items() };
    const { columns, rows } = process.stdout;
    const lines = draw(this.#screen, this.#headline(), { columns: columns || 80, rows: rows || 24 });
    process.stdout.write(`\u001B[H${lines.map((line) => `${line}\u001B[K`).join('\r\n')}`);
  }
}
