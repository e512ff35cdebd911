export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** Begin of the span of this length that an instant is in, as UTC counts hours and days. */
export const startOf = (ms: number, lengthMs: number): number => ms - (ms % lengthMs);
