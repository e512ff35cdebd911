import type { Why } from '../../domain/pool-status.js';

/** Colour alone says nothing to many people. */
const shapes: Readonly<Record<Why['level'], string>> = { bad: '■', warn: '▲', busy: '●', fine: '○' };

/** A word, a shape and a colour. */
export function WhyWord({ of: { word, level } }: { of: Why }) {
  return (
    <span class={`why ${level}`}>
      <span aria-hidden="true">{shapes[level]} </span>
      {word}
    </span>
  );
}
