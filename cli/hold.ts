import type { Config } from '../config/schema.js';
import { callApi } from './call-api.js';
import { EXIT, ExitError } from './exit.js';

interface Scope {
  readonly pool?: string;
  readonly all?: boolean;
}

/** Holds a pool, or all. */
export async function hold(config: Config, options: Scope & { readonly reason: string }): Promise<void> {
  await callApi(config, 'PUT', pathOf(options), { reason: options.reason });
  console.log(`${options.pool ?? 'All pools'}: held; nothing is launched until it is released.`);
}

export async function release(config: Config, options: Scope): Promise<void> {
  await callApi(config, 'DELETE', pathOf(options));
  console.log(`${options.pool ?? 'All pools'}: released.`);
}

function pathOf({ pool, all }: Scope): string {
  if ((pool === undefined) === (all !== true)) throw new ExitError(EXIT.bad, 'give either --pool ID or --all');
  return pool === undefined ? 'hold' : `worker-pool/${encodeURIComponent(pool)}/hold`;
}
