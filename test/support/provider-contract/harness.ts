import type { MachineLocation, Worker } from '../../../domain/worker.js';
import type { IdentityProof, LaunchedMachine, LaunchSpec, MachineRef, Provider } from '../../../providers/provider.js';
import type { RecordedContext } from '../provider-context.js';

/** What a cloud under test may be unable to show; the tests that need it are left out for it. */
export type Ability =
  | 'listed ends'
  | 'settled launches'
  | 'repeated launches'
  | 'limited capacity'
  | 'lost answers'
  | 'throttling'
  | 'identity proofs'
  | 'refused places'
  /** The cloud shows of each machine which request created it. */
  | 'request records';

/** One provider with the cloud behind it, as the contract suite drives them. */
export interface ProviderHarness {
  readonly provider: Provider;
  /** The context that the provider was given. */
  readonly context: RecordedContext;
  /** A valid pool definition, as an operator submits it. */
  readonly pool: object;
  /** A launch that can be carried out, with a token of its own. */
  spec?(changes?: Partial<LaunchSpec>): LaunchSpec;
  /** A machine in the same place that bears another deployment's tag. */
  makeForeign?(): Promise<MachineRef>;
  /** An id of the cloud's form that no machine has. */
  unknownMachine?(): MachineRef;
  /** Room for this many more machines; null for any number. */
  limitCapacity?(machines: number | null): Promise<void>;
  /** The next creation acts, and its answer is lost. */
  loseAnswer?(): Promise<void>;
  /** The next call of this kind is refused for now. */
  throttle?(operation: 'create' | 'read' | 'delete'): Promise<void>;
  /** From now on nothing in the second of these two places may be listed. Called last. */
  refuseLocation?(): Promise<{ open: MachineLocation; refused: MachineLocation }>;
  /** A worker whose proof holds; and another, where one that exists is needed to refuse it. */
  proven?(machine?: LaunchedMachine): Promise<{ worker: Worker; proof: IdentityProof; other?: Worker }>;
  close(): Promise<void>;
}
