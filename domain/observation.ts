import { type WorkerKey, workerKeyText } from './ids.js';
import type { MachineState } from './machine.js';
import type { WorkerState } from './worker.js';

/**
 * Compares one look at a provider's machines with the rows of its workers (architecture rule 5). Pure; what comes of it
 * is signals for the few lifecycles whose machine changed, and notes for the next look.
 *
 * **Gone** means: the cloud says so; or two complete looks at least 60 s apart, both begun 5 minutes after the launch,
 * miss the machine, and a look by id says that there is no such thing. Clouds list new machines late, and one incomplete
 * look proves nothing.
 */

export const LISTED_AFTER_MS = 5 * 60_000;
export const LOOKS_APART_MS = 60_000;
/** A signal that changed nothing is repeated after this long: the lifecycle may not have existed yet. */
export const REPEAT_SIGNAL_MS = 60_000;

export interface KnownWorker extends WorkerKey {
  readonly state: WorkerState;
  readonly created: number;
}

export interface SeenMachine {
  readonly workerGroup: string;
  readonly workerId: string;
  readonly state: MachineState;
  readonly reason: string | null;
  readonly launchToken: string | null;
  readonly resources: Readonly<Record<string, MachineState>>;
}

export interface ScanNote extends WorkerKey {
  /** `missing`, or the picture of the machine that was signalled (`pictureOf`). */
  readonly noted: string;
  /** Begin of the complete look that first noted it. */
  readonly since: number;
  readonly signalledAt: number | null;
}

export interface ScanComparison {
  readonly changes: readonly { readonly worker: KnownWorker; readonly machine: SeenMachine }[];
  /** Missed twice: to be looked up by id before anything is believed. */
  readonly missing: readonly KnownWorker[];
  readonly notes: readonly ScanNote[];
  readonly clear: readonly WorkerKey[];
  /** Alive, marked as ours, and of no live worker. */
  readonly unowned: readonly SeenMachine[];
}

export function compareScan(look: {
  workers: readonly KnownWorker[];
  machines: readonly SeenMachine[];
  notes: readonly ScanNote[];
  complete: boolean;
  begunAt: number;
  nowMs: number;
}): ScanComparison {
  const machineOf = new Map(look.machines.map((machine) => [`${machine.workerGroup}/${machine.workerId}`, machine]));
  const noteOf = new Map(look.notes.map((note) => [workerKeyText(note), note]));
  const changes: { worker: KnownWorker; machine: SeenMachine }[] = [];
  const missing: KnownWorker[] = [];
  const notes: ScanNote[] = [];
  const clear: WorkerKey[] = [];

  for (const worker of look.workers) {
    const machine = machineOf.get(`${worker.workerGroup}/${worker.workerId}`);
    machineOf.delete(`${worker.workerGroup}/${worker.workerId}`);
    const note = noteOf.get(workerKeyText(worker));
    if (!machine) {
      if (!look.complete || look.begunAt < worker.created + LISTED_AFTER_MS) continue;
      if (note?.noted !== 'missing')
        notes.push({ ...key(worker), noted: 'missing', since: look.begunAt, signalledAt: null });
      else if (look.begunAt >= note.since + LOOKS_APART_MS) missing.push(worker);
      continue;
    }
    if (!isNews(worker.state, machine)) {
      if (note) clear.push(key(worker));
      continue;
    }
    const picture = pictureOf(worker.state, machine);
    const repeated = note?.noted === picture;
    if (repeated && note.signalledAt !== null) {
      if (isProgress(worker.state, machine) || look.nowMs < note.signalledAt + REPEAT_SIGNAL_MS) continue;
    }
    changes.push({ worker, machine });
    notes.push({
      ...key(worker),
      noted: picture,
      since: repeated ? note.since : look.begunAt,
      signalledAt: look.nowMs,
    });
  }
  const unowned = [...machineOf.values()].filter(({ state }) => state !== 'gone' && state !== 'stopping');
  return { changes, missing, notes, clear, unowned };
}

/** Whether a lifecycle in this state may not know yet that its machine is in that one. */
function isNews(worker: WorkerState, machine: SeenMachine): boolean {
  const { state } = machine;
  if (state === 'gone' || isProgress(worker, machine)) return true;
  if (state === 'failed' || state === 'stopping') return worker !== 'stopping' || isStepwise(machine);
  return worker === 'stopping' && isStepwise(machine);
}

/**
 * A machine that is built step by step, and is well: its lifecycle waits for every step, but is told of each only once,
 * because it looks for itself when it hears nothing.
 */
const isProgress = (worker: WorkerState, machine: SeenMachine): boolean =>
  worker === 'requested' && isStepwise(machine) && (machine.state === 'pending' || machine.state === 'running');

const isStepwise = ({ resources }: SeenMachine): boolean => Object.keys(resources).length > 0;

/**
 * What a signal says of a machine, as one word. For a stepwise machine also what the lifecycle does: in the same picture
 * it reads the progress of its building, or of its removal.
 */
function pictureOf(worker: WorkerState, machine: SeenMachine): string {
  if (!isStepwise(machine)) return machine.state;
  const resources = Object.entries(machine.resources).map(([step, state]) => `${step}=${state}`);
  return `${worker} ${machine.state} ${resources.sort().join(' ')}`;
}

const key = ({ workerPoolId, workerGroup, workerId }: WorkerKey): WorkerKey => ({
  workerPoolId,
  workerGroup,
  workerId,
});
