import { type Segment, whyOfCause } from '../causes.js';
import { dateAndTime } from '../format.js';
import { Table } from './table.js';
import { WhyWord } from './why.js';

interface StripProps {
  readonly segments: readonly Segment[];
  /** Where the cursor is. */
  readonly at: string;
  readonly onAt: (at: string) => void;
}

/** Causes over time, and the same as a table: lengths and colours say nothing to a screen reader. */
export function Strip({ segments, at, onAt }: StripProps) {
  const [from, to] = [Date.parse(segments[0]!.from), Date.parse(segments.at(-1)!.to)];
  const pick = ({ currentTarget, clientX }: { currentTarget: HTMLElement; clientX: number }) => {
    const { left, width } = currentTarget.getBoundingClientRect();
    onAt(new Date(Math.round(from + ((clientX - left) / width) * (to - from))).toISOString());
  };
  const cursor = Math.min(1, Math.max(0, (Date.parse(at) - from) / (to - from)));
  return (
    <figure>
      <figcaption>
        Causes from {dateAndTime(segments[0]!.from)} to {dateAndTime(segments.at(-1)!.to)} UTC
      </figcaption>
      <div class="strip" aria-hidden="true" onClick={pick}>
        {segments.map((segment) => (
          <span
            key={segment.from}
            title={`${dateAndTime(segment.from)} ${segment.cause}`}
            style={{ flexGrow: String(Date.parse(segment.to) - Date.parse(segment.from)) }}
          >
            <WhyWord of={whyOfCause(segment.cause)} />
          </span>
        ))}
        <i style={{ left: `${cursor * 100}%` }} />
      </div>
      <details>
        <summary>Show as a table</summary>
        <Table
          caption="Causes, one after the other"
          columns={[
            {
              id: 'from',
              title: 'From (UTC)',
              of: ({ from: begin }) => (
                <button type="button" onClick={() => onAt(begin)}>
                  {dateAndTime(begin)}
                </button>
              ),
            },
            { id: 'cause', title: 'Cause', of: ({ cause }) => <WhyWord of={whyOfCause(cause)} /> },
            { id: 'sentence', title: 'In words', of: ({ sentence }) => sentence },
            { id: 'certainty', title: 'Certainty', of: ({ certainty }) => certainty, isWide: true },
          ]}
          rows={segments}
          keyOf={({ from: begin }) => begin}
          empty=""
        />
      </details>
    </figure>
  );
}
