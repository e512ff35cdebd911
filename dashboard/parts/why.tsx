import { shapes, type Why } from '../overview-rows.js';

/** A word, a shape and a colour. */
export function WhyWord({ of: { word, level } }: { of: Why }) {
  return (
    <span class={`why ${level}`}>
      <span aria-hidden="true">{shapes[level]} </span>
      {word}
    </span>
  );
}
