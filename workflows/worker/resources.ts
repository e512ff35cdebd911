import type { MachineState } from '../../domain/machine.js';
import type { LifecycleInput, Observed } from '../../temporal/messages.js';

/** Among the removed: the cloud's record of the building. */
const RECORD = 'record';

/**
 * What one machine consists of: what its life has built and removed, and what scans have shown of it. It decides
 * nothing.
 */
export class Resources {
  /** The resource that is being built; what became of it, its building finds out. */
  creating: string | null;
  lastObservation: Observed | null;
  readonly createdSteps: string[];
  readonly removed: string[];
  /** Whether the last scan was begun after the last resource was submitted. */
  private seenWhileStopping: boolean;
  /** Resources that a scan has shown: one that a later scan leaves out is not just new. */
  private readonly listed: Set<string>;
  private readonly input: LifecycleInput;

  constructor(input: LifecycleInput) {
    this.input = input;
    const { resumeFrom } = input;
    this.createdSteps = [...(resumeFrom?.createdSteps ?? [])];
    this.removed = [...(resumeFrom?.removed ?? [])];
    this.creating = resumeFrom?.creating ?? null;
    this.listed = new Set(resumeFrom?.listed);
    this.lastObservation = resumeFrom?.lastObservation ?? null;
    this.seenWhileStopping = resumeFrom?.seenWhileStopping ?? false;
  }

  /** What the next run must know. */
  next() {
    const { createdSteps, removed, creating, lastObservation, seenWhileStopping } = this;
    return { createdSteps, removed, creating, listed: [...this.listed], lastObservation, seenWhileStopping };
  }

  /** Takes up what a scan showed; false when it says nothing new. */
  see(observation: Observed, isStopping: boolean): boolean {
    // An overlapping scan that listed earlier may tell later. A whole machine does not come back.
    if (this.lastObservation?.state === 'gone' && !observation.resources) return false;
    this.lastObservation = observation;
    this.seenWhileStopping = observation.removing ?? isStopping;
    this.noteListed(observation.resources ?? {});
    return true;
  }

  /** What the last scan showed of a step's resource; undefined when it showed none. */
  stateOf(step: string): MachineState | undefined {
    return this.lastObservation?.resources?.[step];
  }

  /** Whether nothing has been built yet of a machine that is built step by step. */
  nothingCreated(): boolean {
    return this.input.creationSteps.length > 0 && this.createdSteps.length === 0;
  }

  /** Whether all of a machine that is built step by step is there, as far as its life knows. */
  isBuilt(): boolean {
    return this.creating === null && this.input.creationSteps.every((step) => this.createdSteps.includes(step));
  }

  failsInBuilding(): boolean {
    return this.creating !== null && this.stateOf(this.creating) === 'failed';
  }

  /**
   * Whether a step's resource has been seen to be gone; a machine that is gone leaves nothing, unless its resources say
   * so. One that a scan did not show counts as gone only when the scan was begun while stopping, when nothing is
   * created any more, and the resource cannot just be too new for it: an earlier scan has shown it, its removal was
   * requested, or nobody ever created it. The first, on which the others depend, is always deleted: a list may leave
   * it out for a while.
   */
  isGone(step: string, removalRequested: boolean): boolean {
    const seen = this.lastObservation;
    if (!seen) return false;
    const resource = this.stateOf(step);
    // Lists and indexes are late: what may exist, and no scan has ever shown, is deleted by its name.
    // guard(what-may-exist-is-deleted): false
    if (resource === undefined && this.mayBeUnseen(step) && !removalRequested) return false;
    const followsAnother = step !== this.input.removalSteps[0];
    const mayBeOmitted = removalRequested || (followsAnother && this.listed.has(step)) || this.wasNeverCreated(step);
    if (resource === undefined && seen.resources && mayBeOmitted && this.seenWhileStopping) return true;
    return (resource ?? seen.state) === 'gone';
  }

  /** Whether a scan has shown a step's resource, and that it is not going away. */
  stillExists(step: string): boolean {
    const resource = this.stateOf(step);
    return resource !== undefined && resource !== 'gone' && resource !== 'stopping';
  }

  /** Whether a step's resource is being deleted, whoever requested that. */
  isDeleting(step: string): boolean {
    const seen = this.lastObservation;
    return (seen?.resources ? seen.resources[step] : seen?.state) === 'stopping';
  }

  /**
   * Whether nobody ever created a step's resource: the launch creates none, or this run would have created it and has
   * not even submitted it, and no lifecycle before it can have done so.
   */
  wasNeverCreated(step: string): boolean {
    const { creationSteps, skippedSteps = [], replaces } = this.input;
    // guard(what-was-never-created-is-not-deleted): false
    if (skippedSteps.includes(step)) return true;
    return !replaces && creationSteps.includes(step) && !this.createdSteps.includes(step) && this.creating !== step;
  }

  /** What is being deleted already, or was never created, only has to be observed. */
  mustBeDeleted(step: string): boolean {
    // guard(what-goes-by-itself-is-only-watched): true
    return !this.isDeleting(step) && !this.wasNeverCreated(step);
  }

  /** What can be deleted before anything else is found out; undefined where nothing can, or need be. */
  deletableAtOnce(): string | undefined {
    const step = this.nextRemoval();
    if (!this.input.deletesAtOnce || step === undefined || this.mustRecordResources()) return undefined;
    return this.mustBeDeleted(step) && !this.isGone(step, false) ? step : undefined;
  }

  /** Whether a step's resource may have been submitted and no scan has shown it. */
  private mayBeUnseen(step: string): boolean {
    return this.input.creationSteps.includes(step) && !this.wasNeverCreated(step) && !this.listed.has(step);
  }

  /** What is to be removed next; undefined when nothing is left. */
  nextRemoval(): string | undefined {
    return this.input.removalSteps.find((step) => !this.removed.includes(step));
  }

  /** Whether what the machine consists of has to be found out before it is removed. */
  mustRecordResources(): boolean {
    const { tracksResources, launchToken } = this.input;
    // guard(resources-are-recorded-before-they-are-deleted): false
    return tracksResources === true && launchToken !== null && !this.removed.includes(RECORD);
  }

  noteRecorded(): void {
    this.removed.push(RECORD);
  }

  /** A scan that showed nothing ran before this resource was created: it says nothing of it. */
  noteSubmitted(): void {
    if (this.lastObservation?.state === 'gone') this.lastObservation = null;
  }

  /** What a scan shows again was not removed after all: a list had left it out. */
  private noteListed(resources: Readonly<Record<string, MachineState>>): void {
    for (const step of Object.keys(resources)) {
      this.listed.add(step);
      // guard(what-comes-back-is-removed-again): false
      if (this.stillExists(step)) this.removeAgain(step);
      // A request that was long under way has arrived after all: what it builds is not in this scan, and is found out
      // anew.
      if (resources[step] === 'pending' && !this.input.removalSteps.includes(step)) {
        this.seenWhileStopping = false;
        this.removeAgain(RECORD);
      }
    }
  }

  private removeAgain(step: string): void {
    if (this.removed.includes(step)) this.removed.splice(this.removed.indexOf(step), 1);
  }
}
