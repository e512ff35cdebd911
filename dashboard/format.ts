/** Numbers and instants as people read them. */

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
] as const;

/** `2m10s`: the two largest units, which say enough. */
export function duration(ms: number): string {
  let rest = Math.max(0, Math.round(ms / 1000));
  const parts: string[] = [];
  for (const [unit, seconds] of UNITS) {
    const count = Math.floor(rest / seconds);
    rest -= count * seconds;
    if (count > 0 || (unit === 's' && parts.length === 0)) parts.push(`${count}${unit}`);
    else if (parts.length > 0) break;
  }
  return parts.slice(0, 2).join('');
}

/** Age of an instant of the API. */
export const age = (instant: string, nowMs: number): string => duration(nowMs - Date.parse(instant));

/** `12:01:30`, in UTC as everywhere in the API and the logs. */
export const clock = (ms: number): string => new Date(ms).toISOString().slice(11, 19);

/** `2026-11-28 12:01:30`, in UTC. */
export const dateAndTime = (instant: string): string => new Date(instant).toISOString().slice(0, 19).replace('T', ' ');

/** `12:01` in UTC for each of these seconds since the epoch, with the date below where it is another. */
export const timeLabels = (seconds: readonly number[]): string[] =>
  seconds
    .map((each) => dateAndTime(new Date(each * 1000).toISOString()))
    .map((each, index, all) => {
      const [date, time] = [each.slice(5, 10), each.slice(11, 16)];
      return date === all[index - 1]?.slice(5, 10) ? time : `${time}\n${date}`;
    });

/** Thousands with commas; what is unknown is a dash, never a 0. */
export const count = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : value.toLocaleString('en-US');
