import { type Log, logEvent } from './log-events.js';

/**
 * A rejection that a vendor's SDK leaves to nobody must not take the process with it, and with the process everybody
 * else's work: it is logged. Gives what ends this.
 */
export function surviveRejections(log: Log<'error'>): () => void {
  const note = (reason: unknown) =>
    logEvent(log, 'rejection-unhandled', { err: reason instanceof Error ? reason : new Error(String(reason)) });
  process.on('unhandledRejection', note);
  return () => void process.off('unhandledRejection', note);
}
