import { setTimeout as delay } from 'node:timers/promises';
import { ProviderError } from '../errors.js';
import { Batcher } from '../shared/batcher.js';
import type { ComputeCalls } from './calls.js';
import { type Listing, listPages, type ZoneRef } from './lists.js';
import type { OperationError } from './operation-errors.js';

/** A long-running operation of a zone, where this provider reads it. */
export interface Operation {
  readonly name: string;
  readonly status?: string | null;
  readonly operationType?: string | null;
  readonly operationGroupId?: string | null;
  readonly targetId?: string | null;
  readonly insertTime?: string | null;
  readonly user?: string | null;
  readonly error?: { readonly errors?: readonly OperationError[] } | null;
  readonly instancesBulkInsertOperationMetadata?: {
    readonly perLocationStatus?: Readonly<
      Record<string, { readonly createdVmCount?: number | null; readonly deletedVmCount?: number | null }>
    >;
  } | null;
}

const OPERATION =
  'name,status,operationType,operationGroupId,targetId,insertTime,user,error,instancesBulkInsertOperationMetadata';
/** Operations that are waited for in one read. */
const MAX_IN_ONE_READ = 500;

export const isDone = ({ status }: Operation): boolean => status === 'DONE';
export const errorsOf = ({ error }: Operation): readonly OperationError[] => error?.errors ?? [];

export const notEndedYet = ({ name }: Operation): ProviderError =>
  new ProviderError({ code: 'Unavailable', message: `operation ${name} has not ended yet` });

/** How many machines the operation has created so far, and not deleted again; null where it does not say. */
export function createdBy({ instancesBulkInsertOperationMetadata: metadata }: Operation): number | null {
  const places = Object.values(metadata?.perLocationStatus ?? {});
  return places.length === 0
    ? null
    : places.reduce((sum, place) => sum + (place.createdVmCount ?? 0) - (place.deletedVmCount ?? 0), 0);
}

/** Its description says `compute#operations`, and answers have `compute#operationList`. */
const listing: Listing = { service: 'zoneOperations', kind: 'compute#operation', fields: OPERATION };

/** Operations of a zone that the filter fits, of the last hour at least; throws where something may be left out. */
export async function listOperations(calls: ComputeCalls, ref: ZoneRef, filter: string): Promise<Operation[]> {
  const found: Operation[] = [];
  for await (const page of listPages<Operation>(calls, listing, ref, filter)) found.push(...page);
  return found;
}

/**
 * When an operation is read, counted from its beginning: most often while most of them end, so that machines are on
 * record within a second. A read takes a tenth of one.
 */
const readsAtMs = [1_000, 2_000, 3_000, 3_750, 4_500, 5_250, 6_000, 7_000, 9_000, 13_000];
/** Between any later two. */
const MAX_INTERVAL_MS = 8_000;
/** Between two, however long the first of them took. */
const MIN_INTERVAL_MS = 500;

/**
 * Waits for bulk operations. Those of one zone are read together: one by its name, several by one list, so that
 * hundreds of launches at once cost no more reads than one.
 */
export class OperationWaits {
  private readonly calls: ComputeCalls;
  private readonly latest = new Map<string, Operation>();
  private readonly reads: Batcher;

  constructor(calls: ComputeCalls) {
    this.calls = calls;
    this.reads = new Batcher((zone, items) => this.read(zone, items), {
      idleMs: 50,
      maxWaitMs: 250,
      maxItems: MAX_IN_ONE_READ,
      pauseMs: 250,
      maxPauseMs: 1_000,
    });
  }

  /**
   * The operation once it is DONE. Throws Unavailable when it is not by then: it goes on, and may be waited for again.
   */
  async untilDone(operation: Operation, ref: ZoneRef, timeoutMs: number): Promise<Operation> {
    const begunAt = performance.now();
    let current = operation;
    let readAtMs = 0;
    for (let round = 0; !isDone(current); round++) {
      const elapsedMs = performance.now() - begunAt;
      readAtMs = Math.max(readsAtMs[round] ?? readAtMs + MAX_INTERVAL_MS, elapsedMs + MIN_INTERVAL_MS);
      if (readAtMs > timeoutMs) throw notEndedYet(operation);
      await delay(readAtMs - elapsedMs);
      current = (await this.readShared(current, ref)) ?? current;
    }
    return current;
  }

  /** Null where a list does not show it (yet). */
  private async readShared({ name, insertTime }: Operation, ref: ZoneRef): Promise<Operation | null> {
    await this.reads.add(JSON.stringify(ref), JSON.stringify([name, insertTime ?? '']));
    const read = this.latest.get(name) ?? null;
    this.latest.delete(name);
    return read;
  }

  private async read(key: string, items: readonly string[]): Promise<ReadonlyMap<string, Error>> {
    const ref = JSON.parse(key) as ZoneRef;
    const wanted = items.map((item) => JSON.parse(item) as [name: string, insertTime: string]);
    const [[name] = [''], ...others] = wanted;
    const read = others.length === 0 ? [await getOperation(this.calls, ref, name)] : await this.listSince(ref, wanted);
    for (const operation of read) this.latest.set(operation.name, operation);
    return new Map();
  }

  private async listSince(ref: ZoneRef, wanted: readonly (readonly [string, string])[]): Promise<Operation[]> {
    const names = new Set(wanted.map(([name]) => name));
    const since = wanted.map(([, insertTime]) => insertTime).sort((a, b) => Date.parse(a) - Date.parse(b))[0];
    const listed = await listOperations(this.calls, ref, operationsSince('bulkInsert', since ?? ''));
    return listed.filter(({ name }) => names.has(name));
  }
}

const getOperation = async (calls: ComputeCalls, { project, zone }: ZoneRef, name: string): Promise<Operation> =>
  (await calls.call({
    service: 'zoneOperations',
    method: 'get',
    callClass: 'read',
    zone,
    request: { project, operation: name },
    fields: OPERATION,
  })) as Operation;

/** Filters on fields that Google keeps an index of: others cost extra where a project is busy. */
export const operationsSince = (type: string, since: string): string =>
  `operationType="${type}"${since ? ` AND creationTimestamp>="${since}"` : ''}`;

/** Of a machine that Google needed elsewhere; it is stopped, or deleted where its definition says so. */
export const PREEMPTION = 'compute.instances.preempted';

/** An end takes a minute or two, and scans follow it every few seconds: an older one has been seen. */
const MAX_END_AGE_MS = 10 * 60_000;

/** Ids of machines that operations of this type have ended lately. */
export async function targetsOf(calls: ComputeCalls, ref: ZoneRef, type: string): Promise<ReadonlySet<string>> {
  const since = new Date(Date.now() - MAX_END_AGE_MS).toISOString();
  const operations = await listOperations(calls, ref, operationsSince(type, since));
  return new Set(operations.flatMap((one) => (isDone(one) && errorsOf(one).length === 0 ? (one.targetId ?? []) : [])));
}
