import { type Logger, pino } from 'pino';
import type { Config } from '../config/schema.js';

/** Never written, whatever object they come in with. */
const SECRETS = [
  '*.accessToken',
  '*.secretAccessKey',
  '*.certificate',
  '*.secret',
  '*.staticSecret',
  '*.authorization',
  'accessToken',
  'secret',
  'authorization',
];

/** Whether what an event failed of has a line of its own already, which every other one would only repeat. */
export type IsSaid = (event: string, error: unknown) => boolean;

/**
 * One line per event, with the ids that it is about: JSON for machines, readable on a terminal (`log.format: auto`).
 * What is said already is for debugging.
 */
export function createLog({ level, format }: Config['log'], isSaid: IsSaid = () => false): Logger {
  const readable = format === 'pretty' || (format === 'auto' && process.stdout.isTTY);
  return pino({
    level,
    base: null,
    redact: { paths: SECRETS, censor: '…' },
    hooks: {
      logMethod(args, method, number) {
        const [fields, event] = args as unknown as [{ err?: unknown }, string?];
        const isRepeated = number > pino.levels.values['info']! && isSaid(event ?? '', fields?.err);
        if (isRepeated) this.debug(...args);
        else method.apply(this, args);
      },
    },
    formatters: { level: (label) => ({ level: label }) },
    ...(readable && {
      transport: { target: 'pino-pretty', options: { translateTime: 'HH:MM:ss.l', ignore: 'pid,hostname' } },
    }),
  });
}
