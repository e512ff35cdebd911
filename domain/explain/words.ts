import { DAY_MS } from '../durations.js';
import { remainingWeight, type WeightParts } from '../selection.js';

/** How instants and numbers stand in sentences. */

/** UTC; with its day where that is another one than the instant's that is asked for. */
export function clock(ms: number, atMs: number): string {
  const [day = '', time = ''] = new Date(ms).toISOString().split('T');
  const isSameDay = Math.floor(ms / DAY_MS) === Math.floor(atMs / DAY_MS);
  return isSameDay ? time.slice(0, 8) : `${day} ${time.slice(0, 8)}`;
}

/** `1 task`, `3 tasks`. */
export const count = (amount: number, noun: string): string => `${amount} ${noun}${amount === 1 ? '' : 's'}`;

/** `41 tasks waited`, `1 task waits`-like pairs: the verb in its number. */
export const were = (amount: number): string => (amount === 1 ? 'was' : 'were');

export const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;

/** A cloud's or a person's words, on one line and no longer than a line. */
export function quoted(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return `"${line.length > MAX_QUOTED ? `${line.slice(0, MAX_QUOTED)}…` : line}"`;
}

const MAX_QUOTED = 200;

/** `1 − 0.12 − 0.4 = 0.48`: what a launch config is drawn with, less its use, its errors and, if any, preemptions. */
export function weightText(weight: WeightParts): string {
  const { initial, used, errors, preempted } = weight;
  const parts = [initial, used, errors, ...(preempted > 0 ? [preempted] : [])];
  return `${parts.map(share).join(' − ')} = ${share(remainingWeight(weight))}`;
}

const share = (value: number): string => String(Math.round(value * 100) / 100);
