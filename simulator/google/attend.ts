import { setTimeout as delay } from 'node:timers/promises';
import { ConnectionLost, Refusal } from '../errors.js';
import type { Call, Fault, Faults } from '../faults.js';
import type { RequestLog } from '../request-log.js';
import type { Properties } from './resource.js';

export interface Surroundings {
  readonly faults: Faults;
  readonly log: RequestLog;
  readonly latencyMs: number;
}

export interface Attended<T> {
  readonly value: T;
  /** For the log. */
  readonly details?: Properties;
}

/** Lets a call act between what a fault does before and after it, and logs it before its answer is sent. */
export async function attend<T>(
  { faults, log, latencyMs }: Surroundings,
  call: Call,
  about: Properties,
  act: (fault: Fault | null) => Attended<T> | Promise<Attended<T>>,
): Promise<T> {
  const startedMs = performance.now();
  const fault = faults.strike(call);
  const write = (outcome: string, details: Properties = {}): void =>
    log.write({
      kind: 'gce',
      operation: call.operation,
      outcome,
      ...about,
      durationMs: Math.round(performance.now() - startedMs),
      ...(fault && { fault: fault.mode }),
      ...details,
    });
  let acted: Attended<T>;
  try {
    await fault?.beforeActing();
    if (latencyMs > 0) await delay(latencyMs);
    acted = await act(fault);
  } catch (error) {
    if (error instanceof Refusal) write(error.code, { status: error.status });
    else if (error instanceof ConnectionLost) write('request lost');
    throw error;
  }
  write('ok', { status: 200, ...acted.details });
  await fault?.beforeAnswering();
  return acted.value;
}
