import { MINUTE_MS } from './durations.js';
/** Instants as people type them. The schemas and the code read them with the same function. */

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d{1,20})?([Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))$/;
/** What has a text of the same form again: four digits for the year. */
const FIRST = Date.parse('0000-01-01T00:00:00Z');
const LAST = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * Epoch milliseconds of an RFC 3339 date-time, years 0000 to 9999; null for any other text, and for a day or an hour
 * that there is not. A leap second counts as the second after it: our clocks know none.
 */
export function parseInstant(text: string): number | null {
  const parts = RFC_3339.exec(text);
  if (!parts) return null;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  // A day that the month has not ends in another month.
  if (date.getUTCMonth() !== month - 1) return null;
  if (hour > 23 || minute > 59 || second > 60) return null;
  const [, , , , , , , fraction = '', , sign, offsetHours = 0, offsetMinutes = 0] = parts;
  const offset = Number(offsetHours) * 60 + Number(offsetMinutes);
  const minuteOfDay = hour * 60 + minute + (sign === '-' ? offset : -offset);
  const utcMinute = date.getTime() + minuteOfDay * MINUTE_MS;
  if (second === 60 && !isEndOfDay(utcMinute)) return null;
  const instant = utcMinute + second * 1000 + (second === 60 ? 0 : Math.floor(Number(`0${fraction}`) * 1000));
  return instant >= FIRST && instant <= LAST ? instant : null;
}

/** Leap seconds are only inserted at the end of a day in UTC. */
const isEndOfDay = (utcMinuteMs: number): boolean => {
  const minute = new Date(utcMinuteMs);
  return minute.getUTCHours() === 23 && minute.getUTCMinutes() === 59;
};

/** For Ajv, in place of the `date-time` of ajv-formats, which accepts what `Date.parse` cannot read. */
export const dateTimeFormat = {
  type: 'string',
  validate: (text: string): boolean => parseInstant(text) !== null,
} as const;
