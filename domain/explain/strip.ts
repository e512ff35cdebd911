import type { Certainty, Explanation, PoolCause } from './explanation.js';

/** The causes of a span of time, one after the other. */

export interface Segment {
  readonly from: number;
  readonly to: number;
  readonly cause: PoolCause;
  readonly certainty: Certainty;
  /** Of its begin. */
  readonly sentence: string;
}

export const MAX_SEGMENTS = 500;

/**
 * Segments from explanations at the instants at which anything changed, in their order, the first of them at the begin
 * of the span. Neighbours with one cause are one segment. Of more than may be given the shortest are swallowed by the
 * segment before them, until as many are left.
 */
export function stripOf(
  explanations: readonly Pick<Explanation<PoolCause>, 'at' | 'cause' | 'certainty' | 'sentence'>[],
  to: number,
  maxSegments = MAX_SEGMENTS,
): Segment[] {
  const segments = merged(
    explanations.map(({ at, cause, certainty, sentence }, index) => ({
      ...{ from: at, to: explanations[index + 1]?.at ?? to },
      ...{ cause, certainty, sentence },
    })),
  );
  return segments.length <= maxSegments ? segments : merged(withoutShortest(segments, maxSegments));
}

function merged(segments: readonly Segment[]): Segment[] {
  const strip: Segment[] = [];
  for (const segment of segments) {
    const last = strip.at(-1);
    if (last?.cause === segment.cause) strip[strip.length - 1] = { ...last, to: segment.to };
    else strip.push(segment);
  }
  return strip;
}

function withoutShortest(segments: readonly Segment[], maxSegments: number): Segment[] {
  const byLength = segments.slice(1).toSorted((a, b) => a.to - a.from - (b.to - b.from));
  const swallowed = new Set(byLength.slice(0, segments.length - maxSegments));
  const kept: Segment[] = [];
  for (const segment of segments) {
    if (swallowed.has(segment)) kept[kept.length - 1] = { ...kept.at(-1)!, to: segment.to };
    else kept.push(segment);
  }
  return kept;
}
