import type { PoolRow } from '../../api/schemas/overview.js';
import { shapes, whyOf } from '../overview-rows.js';

/** A word, a shape and a colour. */
export function WhyWord({ row }: { row: PoolRow }) {
  const { word, level } = whyOf(row);
  return (
    <span class={`why ${level}`}>
      <span aria-hidden="true">{shapes[level]} </span>
      {word}
    </span>
  );
}
