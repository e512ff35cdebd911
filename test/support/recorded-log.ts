import { type Logger, pino } from 'pino';

/** A log whose lines a test reads. */
export interface RecordedLog {
  readonly log: Logger;
  /** All lines, oldest first. */
  readonly lines: Record<string, unknown>[];
  /** The lines of this event, oldest first. */
  of(event: string): Record<string, unknown>[];
}

export function recordedLog(level: 'debug' | 'info' = 'debug'): RecordedLog {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level }, { write: (line) => void lines.push(JSON.parse(line)) });
  return { log, lines, of: (event) => lines.filter(({ msg }) => msg === event) };
}
