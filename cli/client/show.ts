import { EXIT, ExitError } from '../exit.js';
import { type Connection, RefusedError } from './connection.js';
import { changesOf, type Topic } from './events.js';
import { poolIds } from './lists.js';
import type { Form, OutputOptions } from './output.js';

export interface ShowOptions {
  readonly output: Form;
  readonly headers: boolean;
  readonly sortBy?: string;
  readonly limit?: string;
  readonly watch?: boolean;
}

/** What is shown, and what tells that it has changed. */
interface Shown {
  readonly connection: Connection;
  readonly topic: Topic | null;
  readonly render: (output: OutputOptions) => Promise<string>;
}

/** Writes it once, or, watched, again as it changes until it is interrupted: over the old on a terminal. */
export async function show(options: ShowOptions, { connection, topic, render }: Shown): Promise<void> {
  const { limit, sortBy, output, headers } = options;
  const wanted: OutputOptions = {
    ...{ output, headers },
    ...(sortBy !== undefined && { sortBy }),
    ...(limit !== undefined && { limit: limitOf(limit) }),
  };
  if (!options.watch) return await write(await render(wanted));
  let before: string | null = null;
  for await (const _ of changesOf(connection, topic)) {
    const text = await render(wanted);
    if (process.stdout.isTTY) await write(`\u001B[H\u001B[2J${text}`);
    else if (text !== before) await write(text);
    before = text;
  }
}

export function limitOf(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new ExitError(EXIT.bad, '--limit: a number from 1 on');
  return Number(text);
}

/** Whoever reads may have gone (`| head`): that is no failure. The process ends when all is written. */
const write = (text: string): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (error && (error as NodeJS.ErrnoException).code !== 'EPIPE') reject(error);
      else resolve();
    });
  });

/** An unknown pool with those whose names are near. */
export async function orNearPools<T>(connection: Connection, pool: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof RefusedError) || error.status !== 404) throw error;
    const near = nearest(pool, await poolIds(connection).catch(() => []));
    const suggestion = near.length > 0 ? `\ndo you mean ${near.join(' or ')}?` : '';
    throw new ExitError(EXIT.bad, `${error.message}${suggestion}`);
  }
}

const MAX_NEAR = 3;

/** Those that share most pairs of letters. */
export function nearest(name: string, names: readonly string[]): string[] {
  const wanted = pairsOf(name);
  return names
    .map((each) => ({ each, shared: sharedPart(wanted, pairsOf(each)) }))
    .filter(({ shared }) => shared > 0.4)
    .sort((a, b) => b.shared - a.shared)
    .slice(0, MAX_NEAR)
    .map(({ each }) => each);
}

const pairsOf = (name: string): Set<string> =>
  new Set(Array.from({ length: Math.max(0, name.length - 1) }, (_, index) => name.slice(index, index + 2)));

const sharedPart = (a: ReadonlySet<string>, b: ReadonlySet<string>): number =>
  [...a].filter((pair) => b.has(pair)).length / Math.max(1, a.size, b.size);
