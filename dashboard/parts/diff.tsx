import { diffLines } from '../diff.js';

const marks = { same: ' ', removed: '−', added: '+' } as const;

/** What one text has that the other has not, line by line. */
export const Diff = ({ before, after }: { before: string; after: string }) => (
  <pre class="diff">
    {diffLines(before, after).map(({ kind, text }, index) => (
      <span key={index} class={kind}>
        {`${marks[kind]} ${text}\n`}
      </span>
    ))}
  </pre>
);
