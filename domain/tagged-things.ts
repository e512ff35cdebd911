import type { MachineLocation } from './worker.js';

/** What a cloud lists with this deployment's tag, put together by machine, for the sweep (orphans.ts). */

/** One machine with all that belongs to it, or what is left of one. */
export interface TaggedThing {
  readonly providerId: string;
  /** Unique within the provider, and stable. */
  readonly thingId: string;
  readonly workerGroup: string;
  readonly workerId: string;
  readonly location: MachineLocation;
  /** What it consists of: steps of its removal. */
  readonly steps: readonly string[];
  readonly resourceIds: readonly string[];
  /** Whether a machine is among them. */
  readonly isMachine: boolean;
  readonly launchToken: string | null;
  /** Whether the cloud's own record of our request shows it; a tag alone does not. */
  readonly isOurs: boolean;
}

/** As a provider lists it: a machine, or one resource of it. */
export interface TaggedPart {
  readonly workerGroup: string;
  readonly workerId: string;
  readonly location: MachineLocation;
  /** In the cloud's words, where its worker does not name it exactly. */
  readonly exactly?: readonly string[];
  readonly resourceId: string;
  readonly step: string;
  readonly isMachine: boolean;
  readonly launchToken: string | null;
  readonly isOurs: boolean;
}

/** Names are unique in one place: the same ones in another group or account are another's, or a copy. */
const nameInPlace = ({ workerGroup, workerId, location: { account, group } }: TaggedPart): string =>
  group === null ? `${workerGroup}/${workerId}` : `${account ?? ''}/${group}/${workerId}`.toLowerCase();

/** Puts together what belongs to one machine. What is not provably ours stands for itself, whatever its tags say. */
export function thingsOf(providerId: string, parts: readonly TaggedPart[]): TaggedThing[] {
  const grouped = Map.groupBy(parts, (part) => (part.isOurs ? nameInPlace(part) : part.resourceId));
  return [...grouped].map(([thingId, own]) => {
    const { workerGroup, workerId, location, launchToken, isOurs } = own.find(({ isMachine }) => isMachine) ?? own[0]!;
    return {
      ...{ providerId, thingId, workerGroup, workerId, location, launchToken, isOurs },
      steps: [...new Set(own.map(({ step }) => step))],
      resourceIds: own.flatMap(({ exactly = [] }) => exactly),
      isMachine: own.some(({ isMachine }) => isMachine),
    };
  });
}

/** Of one provider's list. */
export interface TaggedListing {
  readonly providerId: string;
  /** Whether it was read to its end. */
  readonly isComplete: boolean;
  readonly things: readonly TaggedThing[];
}
