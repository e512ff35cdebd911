import { EXIT, ExitError } from '../exit.js';
import { type Connection, pathPart } from './connection.js';

interface Scope {
  readonly pool?: string;
  readonly all?: boolean;
}

/** Holds a pool, or all; gives what to say of it. */
export async function hold({ call }: Connection, options: Scope & { readonly reason: string }): Promise<string> {
  await call('PUT', pathOf(options), { reason: options.reason });
  return `${options.pool ?? 'All pools'}: held; nothing is launched until it is released.`;
}

export async function release({ call }: Connection, options: Scope): Promise<string> {
  await call('DELETE', pathOf(options));
  return `${options.pool ?? 'All pools'}: released.`;
}

export async function endBackoff({ call }: Connection, pool: string, config: string): Promise<string> {
  await call('DELETE', `worker-pool/${pathPart(pool)}/launch-configs/${pathPart(config)}/backoff`);
  return `${config} of ${pool}: backs off no more; it is tried at once.`;
}

function pathOf({ pool, all }: Scope): string {
  if ((pool === undefined) === (all !== true)) throw new ExitError(EXIT.bad, 'give either --pool ID or --all');
  return pool === undefined ? 'hold' : `worker-pool/${pathPart(pool)}/hold`;
}
