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
 *
 * A machine that is built step by step differs at both ends. Its row comes before its resources, so one that no look has
 * shown yet is not missing. And while it is being removed one complete look without it is enough to ask for it by id: the
 * rows are read before the look begins, and a row says stopping only when nothing is created any more.
 */

export const LISTED_AFTER_MS = 5 * 60_000;
export const LOOKS_APART_MS = 60_000;
/** A signal that changed nothing is repeated after this long: the lifecycle may not have existed yet. */
export const REPEAT_SIGNAL_MS = 60_000;

/** What is noted of a machine that no look shows: nothing is known; a look by id says that there is no such thing. */
export const MISSING = 'missing';
export const NOT_FOUND = 'not found';

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
  /** `MISSING`, `NOT_FOUND`, or the picture of the machine that was signalled (`pictureOf`). */
  readonly noted: string;
  /** Begin of the complete look that first noted it. */
  readonly since: number;
  /** When the lifecycle was told; of a missing machine, when it was last asked for by id. */
  readonly signalledAt: number | null;
}

export interface Missing<W extends KnownWorker> {
  readonly worker: W;
  readonly note: ScanNote;
}

export interface ScanComparison<W extends KnownWorker> {
  readonly changes: readonly { readonly worker: W; readonly machine: SeenMachine }[];
  /** To be looked up by id before anything is believed; first those that have waited longest for it. */
  readonly missing: readonly Missing<W>[];
  readonly notes: readonly ScanNote[];
  readonly clear: readonly WorkerKey[];
  /** Alive, marked as ours, and of no live worker. */
  readonly unowned: readonly SeenMachine[];
}

export function compareScan<W extends KnownWorker>(look: {
  workers: readonly W[];
  machines: readonly SeenMachine[];
  notes: readonly ScanNote[];
  /** Whether the place where this worker's machine is was listed to the end. */
  completeFor: (worker: W) => boolean;
  /** Whether the provider builds its machines step by step. */
  stepwise: boolean;
  begunAt: number;
  nowMs: number;
}): ScanComparison<W> {
  const machineOf = new Map(look.machines.map((machine) => [`${machine.workerGroup}/${machine.workerId}`, machine]));
  const noteOf = new Map(look.notes.map((note) => [workerKeyText(note), note]));
  const changes: { worker: W; machine: SeenMachine }[] = [];
  const missing: Missing<W>[] = [];
  const notes: ScanNote[] = [];
  const clear: WorkerKey[] = [];

  for (const worker of look.workers) {
    const shown = machineOf.get(`${worker.workerGroup}/${worker.workerId}`);
    const machine = shown && look.stepwise && isHollow(worker.state, shown) ? undefined : shown;
    machineOf.delete(`${worker.workerGroup}/${worker.workerId}`);
    const note = noteOf.get(workerKeyText(worker));
    if (!machine) {
      if (!look.completeFor(worker)) continue;
      const removed = look.stepwise && worker.state === 'stopping';
      if (!removed && look.begunAt < worker.created + LISTED_AFTER_MS) continue;
      if (look.stepwise && worker.state === 'requested' && !note) continue;
      const first = { ...key(worker), noted: MISSING, since: look.begunAt, signalledAt: null };
      const known = isAbsence(note) ? note : first;
      if (known === first) notes.push(first);
      if (!removed && look.begunAt < known.since + LOOKS_APART_MS) continue;
      if (known.noted === NOT_FOUND && look.nowMs < (known.signalledAt ?? 0) + REPEAT_SIGNAL_MS) continue;
      missing.push({ worker, note: known });
      continue;
    }
    // What an incomplete look leaves out of a machine would count as gone.
    if (look.stepwise && worker.state === 'stopping' && machine.state !== 'gone' && !look.completeFor(worker)) continue;
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
  missing.sort((a, b) => lastAsked(a.note) - lastAsked(b.note));
  const unowned = [...machineOf.values()].filter(({ state }) => state !== 'gone' && state !== 'stopping');
  return { changes, missing, notes, clear, unowned };
}

/** The note of a look by id: whether it said that there is no such machine. */
export const lookedUp = (note: ScanNote, gone: boolean, nowMs: number): ScanNote => ({
  ...note,
  noted: gone ? NOT_FOUND : MISSING,
  signalledAt: nowMs,
});

const isAbsence = (note: ScanNote | undefined): note is ScanNote =>
  note?.noted === MISSING || note?.noted === NOT_FOUND;

const lastAsked = ({ since, signalledAt }: ScanNote): number => signalledAt ?? since;

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

/**
 * A machine that has run and that is not whole, although nothing of it is being built: a look shows parts of it and has missed
 * the rest, and a look by id decides, as for one that was missed as a whole.
 */
const isHollow = (worker: WorkerState, { state, resources }: SeenMachine): boolean =>
  worker === 'running' && state === 'pending' && Object.values(resources).every((part) => part === 'running');

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
