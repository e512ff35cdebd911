import { type Logger, pino } from 'pino';

/** A log whose lines a test reads. */
export interface RecordedLog {
  readonly log: Logger;
  /** The lines of this event, oldest first. */
  of(event: string): Record<string, unknown>[];
}

export function recordedLog(): RecordedLog {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: 'debug' }, { write: (line) => void lines.push(JSON.parse(line)) });
  return { log, of: (event) => lines.filter(({ msg }) => msg === event) };
}
