import { Context } from '@temporalio/activity';

const EVERY_MS = 2_000;

/** Keeps telling the engine that this attempt lives, so that a killed process is noticed within the heartbeat timeout. */
export async function withHeartbeat<T>(work: () => Promise<T>): Promise<T> {
  const context = Context.current();
  context.heartbeat();
  const timer = setInterval(() => context.heartbeat(), EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
