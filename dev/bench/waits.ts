/** A task that came for a pool. */
export interface Demand {
  readonly pool: string;
  readonly atMs: number;
}

/** A call that launched machines of a pool. */
export interface LaunchCall {
  readonly pool: string;
  readonly atMs: number;
  readonly machines: number;
}

export interface Waits {
  /** Of each task until a machine was launched for it, or until the end when it still waits. */
  readonly seconds: readonly number[];
  /** They still wait, and no machine was launched for them. */
  readonly pending: number;
  /** A machine that had become idle took them. */
  readonly tookIdle: number;
}

/**
 * The first machine of a pool is the first task's: if an idle machine took that one, waits are stated too long, never
 * too short.
 */
export function waitsOf(
  demands: readonly Demand[],
  calls: readonly LaunchCall[],
  pendingTasks: Readonly<Record<string, number>>,
  endMs: number,
): Waits {
  const callsOf = Map.groupBy(calls, ({ pool }) => pool);
  const waits = [...Map.groupBy(demands, ({ pool }) => pool)].map(([pool, ofPool]) =>
    waitsOfPool(ofPool, callsOf.get(pool) ?? [], pendingTasks[pool] ?? 0, endMs),
  );
  return {
    seconds: waits.flatMap(({ seconds }) => seconds),
    pending: waits.reduce((sum, { pending }) => sum + pending, 0),
    tookIdle: waits.reduce((sum, { tookIdle }) => sum + tookIdle, 0),
  };
}

function waitsOfPool(
  demands: readonly Demand[],
  calls: readonly LaunchCall[],
  pendingTasks: number,
  endMs: number,
): Waits {
  const waiting = demands.toSorted((a, b) => a.atMs - b.atMs);
  const seconds: number[] = [];
  for (const { atMs, machines } of calls.toSorted((a, b) => a.atMs - b.atMs)) {
    for (let n = 0; n < machines && waiting[0] !== undefined && waiting[0].atMs <= atMs; n += 1) {
      seconds.push((atMs - waiting.shift()!.atMs) / 1000);
    }
  }
  const pending = Math.min(pendingTasks, waiting.length);
  const late = waiting.slice(waiting.length - pending).map(({ atMs }) => (endMs - atMs) / 1000);
  return { seconds: [...seconds, ...late], pending, tookIdle: waiting.length - pending };
}
