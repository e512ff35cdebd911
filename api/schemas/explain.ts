import { Type } from 'typebox';
import { candidateOutcomes, certainties, poolCauses, workerCauses } from '../../domain/explain/explanation.js';
import { closed, instant, nullable, oneOf } from './common.js';
import { named } from './names.js';

const number = Type.Number();

const inputs = closed({
  pendingTasks: nullable(number),
  claimedTasks: nullable(number),
  requestedCapacity: number,
  runningCapacity: number,
  stoppingCapacity: number,
  quarantinedCapacity: number,
  inDoubtCapacity: number,
  currentCapacity: number,
  minCapacity: number,
  maxCapacity: number,
  scalingRatio: number,
  ageMs: nullable(number),
});

const candidate = closed({
  launchConfigId: Type.String(),
  revision: Type.Integer(),
  where: nullable(Type.String()),
  type: nullable(Type.String()),
  weight: closed({ initial: number, used: number, errors: number, preempted: number, drawn: number }),
  outcome: oneOf(candidateOutcomes),
  reason: nullable(Type.String()),
  until: nullable(instant),
  requestIds: Type.Array(Type.String()),
});

const cause = oneOf([...new Set([...poolCauses, ...workerCauses])]);
const certainty = oneOf(certainties);

/** Why a subject had, or had not, got machines at an instant. */
export const explanation = named(
  'explanation',
  closed({
    subject: Type.String(),
    at: instant,
    certainty,
    cause,
    sentence: Type.String(),
    since: nullable(instant),
    until: nullable(instant),
    inputs: nullable(inputs),
    arithmetic: Type.Array(closed({ name: Type.String(), text: Type.String(), value: number })),
    bound: nullable(Type.String()),
    also: Type.Array(closed({ cause, sentence: Type.String() })),
    nextChange: nullable(closed({ what: Type.String(), at: instant })),
    candidates: Type.Array(candidate),
    evidence: Type.Array(
      closed({ kind: Type.String(), id: Type.String(), at: instant, href: nullable(Type.String()) }),
    ),
    /** With `from` and `to`: the causes between them, one after the other. */
    strip: Type.Optional(Type.Array(closed({ from: instant, to: instant, cause, certainty, sentence: Type.String() }))),
  }),
);

const instantQuery = Type.String({ format: 'date-time', description: 'RFC 3339' });
export const explainQuery = {
  at: Type.Optional(instantQuery),
  from: Type.Optional(instantQuery),
  to: Type.Optional(instantQuery),
};
