import type { Explanation, Source } from './explanation.js';
import { clock } from './words.js';

/** What every answer has beside its cause: nothing, until a rule says more. */
export const bareAnswer = (subject: string, at: number) => ({
  subject,
  at,
  until: null,
  inputs: null,
  arithmetic: [],
  bound: null,
  also: [],
  nextChange: null,
  candidates: [],
  evidence: [],
});

/** Of an instant before what is recorded. */
export const noRecord = (subject: string, at: number, recordedSince: number): Explanation<'no-record'> => ({
  ...bareAnswer(subject, at),
  certainty: 'no-record',
  cause: 'no-record',
  sentence: `Nothing is recorded of that instant: records begin at ${clock(recordedSince, at)}.`,
  since: null,
  until: recordedSince,
});

export function uniqueSources(all: readonly (Source | null | undefined)[]): Source[] {
  const known = all.filter((source) => source != null);
  return known.filter(
    ({ kind, id }, index) => known.findIndex((other) => other.kind === kind && other.id === id) === index,
  );
}
