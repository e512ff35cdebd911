import { type TLiteral, type TProperties, type TSchema, Type } from 'typebox';
import { identifierPattern, workerPoolIdPattern } from '../../domain/ids.js';
import { workerStates } from '../../domain/worker.js';

/** Pieces of the wire format. */

/** `example`: one that a deployment would take, for readers and tools. */
export const closed = <T extends TProperties>(properties: T, example?: object) =>
  Type.Object(properties, { additionalProperties: false, ...(example && { examples: [example] }) });
export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
/** A union of as many literals as there happen to be has no type of its own. */
export const oneOf = <T extends string>(values: readonly T[]) =>
  Type.Union(values.map((value) => Type.Literal(value))) as unknown as TLiteral<T>;
export const anyObject = Type.Object({}, { additionalProperties: true });
export const instant = Type.String({ format: 'date-time' });

export const identifier = Type.String({ pattern: identifierPattern.source });
export const workerPoolId = Type.String({ pattern: workerPoolIdPattern.source, examples: ['proj-ci/linux'] });
export const workerGroup = Type.String({ pattern: identifierPattern.source, examples: ['us-east-1'] });
export const workerId = Type.String({ pattern: identifierPattern.source, examples: ['i-0123456789abcdef0'] });
export const secret = Type.String({ pattern: '^[a-zA-Z0-9_-]{44}$' });
/** Of a query. */
export const flag = Type.Union([Type.Literal('true'), Type.Literal('false')]);
export const workerState = oneOf(workerStates);

export const poolParams = { workerPoolId };
export const groupParams = { workerPoolId, workerGroup };
export const workerParams = { workerPoolId, workerGroup, workerId };

export const continuationToken = Type.Optional(Type.String());
export const empty = closed({});

const count = Type.Integer({ minimum: 0 });
/** Nine numbers of a pool or a launch config. */
export const counters = {
  currentCapacity: count,
  requestedCount: count,
  runningCount: count,
  stoppingCount: count,
  stoppedCount: count,
  requestedCapacity: count,
  runningCapacity: count,
  stoppingCapacity: count,
  stoppedCapacity: count,
};
