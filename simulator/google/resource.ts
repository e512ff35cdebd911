import { objectAt, textAt as anyTextAt } from '../members.js';

/** Members of a request or an answer, of whatever shape they were sent in. */
export type Properties = Readonly<Record<string, unknown>>;

/** One entry of an operation's `error.errors`. */
export interface OperationError {
  readonly code: string;
  readonly message: string;
  readonly errorDetails?: readonly Properties[];
}

/** What a launch requested; all machines of a bulk share one. */
export interface Order {
  readonly id: string;
  readonly project: string;
  readonly zone: string;
  /** Without its zone. */
  readonly machineType: string;
  readonly properties: Properties;
  readonly labels: Readonly<Record<string, string>>;
  /** From the metadata that a worker manager gives to its machines. */
  readonly workerPoolId: string | null;
  readonly requestId: string | null;
  readonly createdMs: number;
}

export interface Instance {
  /** Decimal digits of a number beyond 2^53. */
  readonly id: string;
  readonly name: string;
  readonly orderId: string;
  readonly hostname: string | null;
  /** Order of creation; addresses and pages follow it. */
  readonly sequence: number;
  /** It is listed until its creation fails, and never boots. */
  readonly ghost: boolean;
  /** The operation that creates it, then the one that stops or deletes it; null while none is under way. */
  operation: string | null;
  power: 'on' | 'stopping' | 'off';
  deleting: boolean;
  /** Its guest has been shut down. */
  silent: boolean;
  /** Ids of the disks that were created for it, in the order of the asked ones that are no local SSDs. */
  readonly disks: string[];
  /** A status that a control makes it show. */
  shown: string | null;
  /** Somebody has taken its labels away. */
  unlabelled: boolean;
}

export interface Disk {
  readonly id: string;
  readonly name: string;
  readonly project: string;
  readonly zone: string;
  readonly sizeGb: string;
  readonly type: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdMs: number;
  readonly autoDelete: boolean;
  readonly sequence: number;
  /** The id of the machine that uses it. */
  user: string | null;
}

/** How an operation is to end: with these errors, or, without any, as it was meant. */
export type Ending = readonly OperationError[];

export type OperationType =
  | 'bulkInsert'
  | 'insert'
  | 'delete'
  | 'compute.instances.preempted'
  | 'compute.instances.hostError'
  | 'compute.instances.guestTerminate';

export interface Operation {
  readonly name: string;
  readonly id: string;
  readonly sequence: number;
  readonly project: string;
  readonly zone: string;
  readonly type: OperationType;
  /** The same for a bulk and the insertions that it consists of. */
  readonly groupId: string | null;
  readonly requestId: string | null;
  /** The order of its machines. */
  readonly orderId: string | null;
  readonly user: string;
  readonly target: { readonly collection: 'instances' | 'disks'; readonly name: string; readonly id: string } | null;
  readonly startedMs: number;
  /** Null: it is stuck until somebody ends it. */
  dueMs: number | null;
  readonly ending: Ending;
  /** Of a bulk: its insertions' names, and how many must succeed. */
  readonly bulk: { readonly children: readonly string[]; readonly minCount: number } | null;
  status: 'RUNNING' | 'DONE';
  /** Empty until it has ended. */
  errors: readonly OperationError[];
  endedMs: number | null;
  /** Its record was deleted while it ran; it goes on. */
  hidden: boolean;
  /** Of a bulk that was undone: how many machines were deleted again. */
  undone: number;
}

/** Google takes an empty text for none. */
export const textAt = (value: unknown, name: string): string | null => anyTextAt(value, name) || null;

/** int32 and int64: the latter travel as text. */
export const numberAt = (value: unknown, name: string): number | null => {
  const number = objectAt(value)[name];
  return number === undefined || number === null || number === '' ? null : Number(number);
};
