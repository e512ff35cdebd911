import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../domain/durations.js';
import { parseInstant } from '../../domain/instants.js';
import { EXIT, ExitError } from '../exit.js';

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS };

/** Milliseconds of `90s`, `5m`, `24h`, `7d`; null for any other text. */
export function parseDuration(text: string): number | null {
  const [, amount, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  return amount === undefined || unit === undefined ? null : Number(amount) * UNITS[unit]!;
}

/**
 * An instant as operators type it, in UTC: `2026-11-28T12:01:30Z`; `-5m` before now; `12:01:30` or `12:01`, the last
 * time that it was so late.
 */
export function instantOf(option: string, text: string, nowMs: number): string {
  const ms = parseInstant(text) ?? beforeNow(text, nowMs) ?? timeOfDay(text, nowMs);
  if (ms === null) {
    throw new ExitError(EXIT.bad, `${option}: an instant such as 2026-11-28T12:01:30Z, 12:01:30 or -5m`);
  }
  return new Date(ms).toISOString();
}

function beforeNow(text: string, nowMs: number): number | null {
  const duration = text.startsWith('-') ? parseDuration(text.slice(1)) : null;
  return duration === null ? null : nowMs - duration;
}

function timeOfDay(text: string, nowMs: number): number | null {
  if (!/^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$/.test(text)) return null;
  const today = new Date(nowMs).toISOString().slice(0, 10);
  const ms = Date.parse(`${today}T${text.length === 5 ? `${text}:00` : text}Z`);
  return ms > nowMs ? ms - DAY_MS : ms;
}
