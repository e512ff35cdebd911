import { Context } from '@temporalio/activity';

/** When an attempt first asked: the engine's instant, and the reading of a clock that nobody sets. */
const anchors = new WeakMap<Context, { readonly engineMs: number; readonly readingMs: number }>();

/**
 * Epoch ms by the engine's clock, inside an activity. An instant that is stored here is judged by workflows and by
 * other processes: taken from this host's clock, which may be half an hour slow, a registration deadline would have
 * passed before its machine was there. It runs behind by as long as the attempt waited for its process before its first
 * call.
 */
export function engineNow(): number {
  const context = Context.current();
  let anchor = anchors.get(context);
  // guard(instants-are-the-engines): true
  if (!anchor) {
    anchor = { engineMs: context.info.currentAttemptScheduledTimestampMs, readingMs: performance.now() };
    anchors.set(context, anchor);
  }
  return Math.round(anchor.engineMs + performance.now() - anchor.readingMs);
}
