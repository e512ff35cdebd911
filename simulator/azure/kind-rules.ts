import { Refusal } from '../errors.js';
import type { Ending, Properties, Resource } from './resource.js';
import type { ArmStore, ArmTimes } from './store.js';

interface Checked {
  readonly store: ArmStore;
  /** Of the resource itself. */
  readonly id: string;
  readonly body: Properties;
}

/** What sets one kind of resource apart from the others. */
export interface KindRules {
  readonly name: RegExp;
  /** The state while it is created, as the real provider names it. */
  readonly creating: 'Creating' | 'Updating';
  /** Whether its properties may change later. */
  readonly changeable: boolean;
  readonly createMs: (times: ArmTimes) => number;
  readonly deleteMs: (times: ArmTimes) => number;
  readonly busy: (resource: Resource) => Refusal;
  /** Throws what the service refuses at once. */
  readonly check: (checked: Checked) => void;
  /** The properties as GET shows them. */
  readonly shown: (properties: Properties, resource: Resource) => Properties;
  /** Marks what it uses; gives the ids of what came into being with it. */
  readonly attach: (store: ArmStore, resource: Resource, nowMs: number) => string[];
  /** How its creation ends when no fault says it. */
  readonly ending?: (store: ArmStore, resource: Resource, requested: Ending) => Ending;
  /** Throws while something holds it. */
  readonly mayDelete: (resource: Resource) => void;
}

const computeBusy = (resource: Resource): Refusal =>
  new Refusal(
    'OperationNotAllowed',
    `Another operation is in progress on '${resource.name}' (${resource.state}).`,
    409,
  );

/** What all compute resources have in common. */
export const computeRules = {
  creating: 'Creating',
  changeable: false,
  deleteMs: (times: ArmTimes) => times.vmDeleteMs,
  busy: computeBusy,
  check: (): void => undefined,
  attach: (): string[] => [],
  mayDelete: (): void => undefined,
} as const;
