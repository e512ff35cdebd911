import { signal } from '@preact/signals';
import type { Static } from 'typebox';
import type { whoami } from '../api/schemas/session.js';
import { satisfies } from '../domain/scopes.js';
import { call } from './client.js';

type Whoami = Static<typeof whoami>;

/** Who looks at the page; null until the API has said it. */
export const me = signal<Whoami | null>(null);

/** The API stays the judge: this only spares people buttons that would be refused. */
export const may = (...scopes: readonly string[]): boolean =>
  scopes.every((scope) => satisfies(me.value?.scopes ?? [], scope));

export async function loadSession(): Promise<void> {
  me.value = await call<Whoami>('GET', '/whoami');
}

export async function openSession(accessToken: string): Promise<void> {
  me.value = await call<Whoami>('POST', '/session', { accessToken });
}

export async function closeSession(): Promise<void> {
  await call('DELETE', '/session');
  await loadSession();
}
