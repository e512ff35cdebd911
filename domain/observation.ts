import { type WorkerKey, workerKeyText } from './ids.js';
import type { MachineState } from './machine.js';
import type { WorkerState } from './worker.js';

/**
 * Compares one scan of a provider's machines with the rows of its workers (ARCHITECTURE.md#observe-in-bulk). Pure; what
 * comes of it is signals for the few lifecycles whose machine changed, and notes for the next scan.
 *
 * **Gone** (ARCHITECTURE.md#gone) means: the cloud says so; or two complete scans at least 60 s apart, both begun 5
 * minutes after the launch, miss the machine, and a get by id says that there is no such thing. Clouds list new
 * machines late, and one incomplete scan proves nothing.
 *
 * A machine that is built step by step differs at both ends. Its row comes before its resources, so one that no scan
 * has shown yet is not missing. And while it is being removed one complete scan without it is enough to get it by
 * id: the rows are read before the scan begins, and a row says stopping only when nothing is created any more.
 */

export const LISTED_AFTER_MS = 5 * 60_000;
export const ABSENCE_INTERVAL_MS = 60_000;
/** A signal that changed nothing is repeated after this long, doubling: the lifecycle may not have existed yet. */
export const REPEAT_SIGNAL_MS = 60_000;
/** A signal that was refused is tried again after this long, doubling. */
export const RETRY_SIGNAL_MS = 10_000;
export const MAX_SIGNAL_BACKOFF_MS = 10 * 60_000;

/** What is noted of a machine that no scan shows: nothing is known; a read by id says that there is no such thing. */
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
  /** `MISSING`, `NOT_FOUND`, or the fingerprint of the machine that was signalled (`fingerprintOf`). */
  readonly noted: string;
  /** Begin of the complete scan that first noted it. */
  readonly since: number;
  /** When the lifecycle was last signalled; of a missing machine, when it was last read by id. */
  readonly signalledAt: number | null;
  /** No signal of the same observation before this instant; null: none at all (of an absence: at once). */
  readonly nextSignalAt: number | null;
  /** Signals in a row that the engine refused. */
  readonly signalFailures: number;
}

export interface Change<W extends KnownWorker> {
  readonly worker: W;
  readonly machine: SeenMachine;
  /** Before this scan. */
  readonly note: ScanNote | undefined;
}

export interface Missing<W extends KnownWorker> {
  readonly worker: W;
  readonly note: ScanNote;
}

export interface ScanComparison<W extends KnownWorker> {
  readonly changes: readonly Change<W>[];
  /** To be read by id before anything is believed; first those that have waited longest for it. */
  readonly missing: readonly Missing<W>[];
  /** Those of changes hold once the signal has been delivered. */
  readonly notes: readonly ScanNote[];
  readonly clear: readonly WorkerKey[];
  /** Alive, tagged as ours, and of no live worker. */
  readonly unowned: readonly SeenMachine[];
}

export interface Scan<W extends KnownWorker> {
  readonly workers: readonly W[];
  readonly machines: readonly SeenMachine[];
  readonly notes: readonly ScanNote[];
  /** Whether the place where this worker's machine is was listed to the end. */
  readonly completeFor: (worker: W) => boolean;
  /** Whether the provider builds its machines step by step. */
  readonly stepwise: boolean;
  readonly begunAt: number;
  readonly nowMs: number;
}

export function compareScan<W extends KnownWorker>(scan: Scan<W>): ScanComparison<W> {
  const machineOf = new Map(scan.machines.map((machine) => [`${machine.workerGroup}/${machine.workerId}`, machine]));
  const noteOf = new Map(scan.notes.map((note) => [workerKeyText(note), note]));
  const changes: Change<W>[] = [];
  const missing: Missing<W>[] = [];
  const notes: ScanNote[] = [];
  const clear: WorkerKey[] = [];

  for (const worker of scan.workers) {
    const id = `${worker.workerGroup}/${worker.workerId}`;
    const shown = machineOf.get(id);
    machineOf.delete(id);
    const machine = shown && scan.stepwise && isPartial(worker.state, shown) ? undefined : shown;
    const note = noteOf.get(workerKeyText(worker));
    const found = machine ? classifySeen(worker, machine, note, scan) : classifyMissing(worker, note, scan);
    if (found.note) notes.push(found.note);
    if (found.is === 'changed' && machine) changes.push({ worker, machine, note });
    if (found.is === 'missing') missing.push({ worker, note: found.known });
    if (found.is === 'well' && note) clear.push(key(worker));
  }
  missing.sort((a, b) => lastReadAt(a.note) - lastReadAt(b.note));
  const unowned = [...machineOf.values()].filter(({ state }) => state !== 'gone' && state !== 'stopping');
  return { changes, missing, notes, clear, unowned };
}

/** What a scan says of one worker, and the note that it leaves. */
type Classified =
  | { readonly is: 'undecided' | 'well' | 'changed'; readonly note?: ScanNote }
  | { readonly is: 'missing'; readonly known: ScanNote; readonly note?: ScanNote };

const UNDECIDED: Classified = { is: 'undecided' };

/**
 * A worker whose machine the scan does not show: missing only after two complete scans, if it should be listed at all.
 */
function classifyMissing<W extends KnownWorker>(
  worker: W,
  note: ScanNote | undefined,
  { completeFor, stepwise, begunAt, nowMs }: Scan<W>,
): Classified {
  // guard(incomplete-scan-proves-nothing): false
  if (!completeFor(worker)) return UNDECIDED;
  const removed = stepwise && worker.state === 'stopping';
  if (!removed && begunAt < worker.created + LISTED_AFTER_MS) return UNDECIDED;
  if (stepwise && worker.state === 'requested' && !note) return UNDECIDED;
  const known = isAbsence(note) ? note : { ...key(worker), noted: MISSING, since: begunAt, ...NOT_SIGNALLED };
  const first = known === note ? undefined : known;
  // guard(absence-is-seen-twice): false
  if (!removed && begunAt < known.since + ABSENCE_INTERVAL_MS) return { is: 'undecided', note: first };
  if (nowMs < (known.nextSignalAt ?? 0)) return UNDECIDED;
  return { is: 'missing', known, note: first };
}

/** A worker whose machine the scan shows: its lifecycle hears of what it may not know, at growing intervals. */
function classifySeen<W extends KnownWorker>(
  worker: W,
  machine: SeenMachine,
  note: ScanNote | undefined,
  { completeFor, stepwise, begunAt, nowMs }: Scan<W>,
): Classified {
  // What an incomplete scan leaves out of a machine would count as gone.
  if (stepwise && worker.state === 'stopping' && machine.state !== 'gone' && !completeFor(worker)) return UNDECIDED;
  if (!hasChanged(worker.state, machine)) return { is: 'well' };
  const fingerprint = fingerprintOf(worker.state, machine);
  if (isBackingOff(note, fingerprint, nowMs)) return UNDECIDED;
  const repeated = note?.noted === fingerprint ? note : undefined;
  const once = isProgress(worker.state, machine);
  const since = repeated?.since ?? begunAt;
  const signalled = {
    signalledAt: nowMs,
    nextSignalAt: once ? null : nowMs + repeatAfter(repeated),
    signalFailures: 0,
  };
  return { is: 'changed', note: { ...key(worker), noted: fingerprint, since, ...signalled } };
}

/** Whether a signal of this picture has to wait: the same was signalled already, or the latest was refused. */
function isBackingOff(note: ScanNote | undefined, fingerprint: string, nowMs: number): boolean {
  if (!note || (note.noted !== fingerprint && note.signalFailures === 0)) return false;
  return nowMs < (note.nextSignalAt ?? Number.POSITIVE_INFINITY);
}

const NOT_SIGNALLED = { signalledAt: null, nextSignalAt: null, signalFailures: 0 } as const;

/** Twice as long as before. */
function repeatAfter(note: ScanNote | undefined): number {
  if (!note || note.signalFailures > 0 || note.signalledAt === null || note.nextSignalAt === null)
    return REPEAT_SIGNAL_MS;
  return Math.min(MAX_SIGNAL_BACKOFF_MS, 2 * (note.nextSignalAt - note.signalledAt));
}

/** The note of a signal that found no lifecycle: it is started within minutes, and hears of it then. */
export const notStarted = (note: ScanNote, nowMs: number): ScanNote => ({
  ...note,
  ...NOT_SIGNALLED,
  nextSignalAt: nowMs + REPEAT_SIGNAL_MS,
});

/** The note of a signal that the engine refused. */
export function signalRefused(note: ScanNote, before: ScanNote | undefined, nowMs: number): ScanNote {
  const signalFailures = (before?.signalFailures ?? 0) + 1;
  const backoffMs = Math.min(MAX_SIGNAL_BACKOFF_MS, RETRY_SIGNAL_MS * 2 ** (signalFailures - 1));
  return { ...note, nextSignalAt: nowMs + backoffMs, signalFailures };
}

/** The note of a read by id: whether it said that there is no such machine. */
export const afterRead = (note: ScanNote, gone: boolean, nowMs: number): ScanNote => ({
  ...note,
  noted: gone ? NOT_FOUND : MISSING,
  signalledAt: nowMs,
  nextSignalAt: gone ? nowMs + repeatAfter(note) : null,
  signalFailures: 0,
});

const isAbsence = (note: ScanNote | undefined): note is ScanNote =>
  note?.noted === MISSING || note?.noted === NOT_FOUND;

const lastReadAt = ({ since, signalledAt }: ScanNote): number => signalledAt ?? since;

/** Whether a lifecycle in this state may not know yet that its machine is in that one. */
function hasChanged(worker: WorkerState, machine: SeenMachine): boolean {
  const { state } = machine;
  if (state === 'gone' || isProgress(worker, machine)) return true;
  if (state === 'failed' || state === 'stopping') return worker !== 'stopping' || isStepwise(machine);
  return worker === 'stopping' && isStepwise(machine);
}

/**
 * A machine that is built step by step, and is well: its lifecycle waits for every step, but gets one signal for each,
 * because it reads the machine itself when no signal comes.
 */
const isProgress = (worker: WorkerState, machine: SeenMachine): boolean =>
  worker === 'requested' && isStepwise(machine) && (machine.state === 'pending' || machine.state === 'running');

/**
 * A machine that has run and that is not whole, although nothing of it is being built: a scan shows parts of it and has
 * missed the rest, and a read by id decides, as for one that was missed as a whole.
 */
const isPartial = (worker: WorkerState, { state, resources }: SeenMachine): boolean =>
  worker === 'running' && state === 'pending' && Object.values(resources).every((part) => part === 'running');

const isStepwise = ({ resources }: SeenMachine): boolean => Object.keys(resources).length > 0;

/**
 * What a signal says of a machine, as one word. For a stepwise machine also what the lifecycle does: in the same
 * picture it reads the progress of its building, or of its removal.
 */
function fingerprintOf(worker: WorkerState, machine: SeenMachine): string {
  if (!isStepwise(machine)) return machine.state;
  const resources = Object.entries(machine.resources).map(([step, state]) => `${step}=${state}`);
  return `${worker} ${machine.state} ${resources.sort().join(' ')}`;
}

const key = ({ workerPoolId, workerGroup, workerId }: WorkerKey): WorkerKey => ({
  workerPoolId,
  workerGroup,
  workerId,
});
