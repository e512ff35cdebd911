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
  /** `missing`, or the machine state that was signalled. */
  readonly noted: 'missing' | MachineState;
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
    if (!isNews(worker.state, machine.state)) {
      if (note) clear.push(key(worker));
      continue;
    }
    const repeated = note?.noted === machine.state;
    if (repeated && note.signalledAt !== null && look.nowMs < note.signalledAt + REPEAT_SIGNAL_MS) continue;
    changes.push({ worker, machine });
    notes.push({
      ...key(worker),
      noted: machine.state,
      since: repeated ? note.since : look.begunAt,
      signalledAt: look.nowMs,
    });
  }
  const unowned = [...machineOf.values()].filter(({ state }) => state !== 'gone' && state !== 'stopping');
  return { changes, missing, notes, clear, unowned };
}

/** Whether a lifecycle in this state does not yet expect its machine to be in that one. */
function isNews(worker: WorkerState, machine: MachineState): boolean {
  if (machine === 'gone') return true;
  if (machine === 'failed' || machine === 'stopping') return worker !== 'stopping';
  return false;
}

const key = ({ workerPoolId, workerGroup, workerId }: WorkerKey): WorkerKey => ({
  workerPoolId,
  workerGroup,
  workerId,
});
