import { signal } from '@preact/signals';

/** How up to date the page is. What has not been heard of for so long is not. */
const STALE_MS = 4_000;
const CHECK_INTERVAL_MS = 1_000;

/** The page's clock, for ages. */
export const now = signal(Date.now());
/** When the page's data was last known to be current, by the page's clock; null before the first time. */
export const freshAt = signal<number | null>(null);
/** Since when it has not been; null while it is. */
export const lostSince = signal<number | null>(null);

/** Milliseconds that data of this page stays current without news. */
let lasts = STALE_MS;

/** Data has come, or was confirmed. */
export function heard(): void {
  freshAt.value = Date.now();
  lostSince.value = null;
}

/** The connection broke, or an answer was none. */
export function lost(): void {
  lostSince.value ??= freshAt.value ?? Date.now();
}

/** Another page begins; its data is read again at this interval. */
export function restart(intervalMs = 0): void {
  lasts = intervalMs + STALE_MS;
  freshAt.value = null;
  lostSince.value = null;
}

setInterval(() => {
  if (document.hidden) return;
  now.value = Date.now();
  if (freshAt.value !== null && Date.now() - freshAt.value > lasts) lost();
}, CHECK_INTERVAL_MS);
