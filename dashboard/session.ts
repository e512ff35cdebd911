import { signal } from '@preact/signals';
import type { Static } from 'typebox';
import type { sessionRequest, whoami } from '../api/schemas/session.js';
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

/** Also for a caller who may read this or that without a session. */
export const signsIn = signal(false);

export async function openSession(credentials: Static<typeof sessionRequest>): Promise<void> {
  me.value = await call<Whoami>('POST', '/session', credentials);
  signsIn.value = false;
}

export async function closeSession(): Promise<void> {
  await call('DELETE', '/session');
  await loadSession();
}
