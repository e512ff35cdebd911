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

/**
 * One line per event, with the ids that it is about: JSON for machines, readable on a terminal (`log.format: auto`).
 */
export function createLog({ level, format }: Config['log']): Logger {
  const readable = format === 'pretty' || (format === 'auto' && process.stdout.isTTY);
  return pino({
    level,
    base: null,
    redact: { paths: SECRETS, censor: '…' },
    formatters: { level: (label) => ({ level: label }) },
    ...(readable && {
      transport: { target: 'pino-pretty', options: { translateTime: 'HH:MM:ss.l', ignore: 'pid,hostname' } },
    }),
  });
}
