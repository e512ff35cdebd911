import { Context } from '@temporalio/activity';
import { type CallScope, givenUp, inCallScope } from '../../providers/shared/call-scope.js';

/** Workers pass every heartbeat on: the answer to one is how an attempt hears of its cancellation. */
export const HEARTBEAT_INTERVAL_MS = 2_000;

/**
 * Runs a long activity so that it can be given up:
 * - it heartbeats, so that a process that was killed is noticed within the heartbeat timeout;
 * - it watches for being given up: by a cancellation, by a heartbeat that the engine refuses, by its own deadline, and
 *   by a silence of this process (paused, or starved) after which the engine may have given the attempt to another
 *   process;
 * - what `work` then reads or waits for in a cloud ends at once, no call that changes something is sent any more, and
 *   one that was sent is awaited to its own time limit (`providers/shared/call-scope.ts`).
 */
export async function withHeartbeat<T>(work: () => Promise<T>): Promise<T> {
  const { cancellationSignal } = Context.current();
  const attempt = new Attempt(Context.current());
  try {
    return await inCallScope(attempt, work);
  } catch (error) {
    // The engine knows why it gave the attempt up.
    throw cancellationSignal.aborted ? cancellationSignal.reason : error;
  } finally {
    attempt.end();
  }
}

class Attempt implements CallScope {
  readonly signal: AbortSignal;
  private readonly context: Context;
  private readonly own = new AbortController();
  private readonly begun = now();
  private readonly lastsMs: number;
  private readonly timers: NodeJS.Timeout[];
  private beat = this.begun;

  constructor(context: Context) {
    this.context = context;
    this.signal = AbortSignal.any([
      // guard(attempt-watches-its-cancellation): drop
      context.cancellationSignal,
      this.own.signal,
    ]);
    this.lastsMs = timeLimitOf(context.info);
    // guard(first-heartbeat-at-once): drop
    this.beatOnce();
    this.timers = [
      setInterval(() => this.heartbeat(), HEARTBEAT_INTERVAL_MS),
      ...(Number.isFinite(this.lastsMs) ? [setTimeout(() => this.own.abort(), this.lastsMs)] : []),
    ];
  }

  assertMaySend(): void {
    this.readClock();
    // guard(attempt-given-up-does-not-send): false
    if (this.signal.aborted) throw givenUp();
  }

  end(): void {
    for (const timer of this.timers) clearTimeout(timer);
  }

  private heartbeat(): void {
    this.readClock();
    this.beat = now();
    this.beatOnce();
  }

  /** With what the attempt before left to this one, which a heartbeat without it would take away. */
  private beatOnce(): void {
    this.context.heartbeat(this.context.info.heartbeatDetails);
  }

  /**
   * The engine counts from the last heartbeat that reached it, which may be the one before the last of ours: hence
   * half.
   */
  private readClock(): void {
    // The engine says 0 of an activity that has no heartbeat timeout.
    const limitMs = this.context.info.heartbeatTimeoutMs || Number.POSITIVE_INFINITY;
    const wasSilent = elapsedMs(this.beat) > limitMs / 2;
    // guard(attempt-reads-clock): false
    if (wasSilent || elapsedMs(this.begun) >= this.lastsMs) this.own.abort();
  }
}

/** From now on; both instants of the second limit are of the engine's clock. */
function timeLimitOf(info: Context['info']): number {
  const limits = [
    info.startToCloseTimeoutMs,
    // guard(deadline-counts-from-the-first-attempt): drop
    info.scheduleToCloseTimeoutMs > 0
      ? info.scheduleToCloseTimeoutMs - (info.currentAttemptScheduledTimestampMs - info.scheduledTimestampMs)
      : 0,
  ].filter((limit) => limit > 0);
  return limits.length > 0 ? Math.min(...limits) : Number.POSITIVE_INFINITY;
}

/** One clock may stand still while the host sleeps, the other may be set. */
const now = () => ({ monotonic: performance.now(), wall: Date.now() });
const elapsedMs = (since: ReturnType<typeof now>): number =>
  Math.max(performance.now() - since.monotonic, Date.now() - since.wall);
