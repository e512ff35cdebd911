import type { Failure } from '../errors.js';
import type { Ending, Properties, ResourceKind } from './resource.js';

/** One resource that a deployment creates. */
export interface DeploymentStep {
  readonly kind: ResourceKind;
  readonly name: string;
  /** Parameters of its PUT. Secrets are taken out once it was sent. */
  body: Properties;
  /** Names of steps that must have succeeded. */
  readonly after: readonly string[];
  readonly targetId: string;
  /** The template makes it fail with this code. */
  readonly failsWith?: string;
  state: 'Waiting' | 'Running' | 'Succeeded' | 'Failed';
  failure: Failure | null;
  operationId: string | null;
  startedMs: number | null;
  endedMs: number | null;
}

export interface Deployment {
  readonly id: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly name: string;
  readonly sequence: number;
  readonly correlationId: string;
  readonly startedMs: number;
  readonly template: string;
  /** As asked, without the values that templates declare as secure. */
  readonly shown: Properties;
  readonly tags: Record<string, string>;
  readonly steps: DeploymentStep[];
  /** How resources of a kind are to end, where a fault says it. */
  readonly endings: Partial<Record<ResourceKind, Ending>>;
  state: 'Accepted' | 'Running' | 'Succeeded' | 'Failed' | 'Canceled' | 'Deleting';
  failure: (Failure & { readonly details: readonly Failure[] }) | null;
  operationId: string | null;
  endedMs: number | null;
}

/** Whether it still creates resources; such a deployment can neither be replaced nor deleted. */
export const isActive = (deployment: Deployment): boolean =>
  deployment.state === 'Accepted' || deployment.state === 'Running';
