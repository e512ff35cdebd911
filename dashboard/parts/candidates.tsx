import { weightText } from '../../domain/explain/words.js';
import type { Explanation } from '../causes.js';
import { dateAndTime } from '../format.js';
import { configPage } from '../urls.js';
import { Table } from './table.js';

type Candidate = Explanation['candidates'][number];

/** Launch configs as a choice between them would see them. */
export function Candidates({ workerPoolId, of }: { workerPoolId: string; of: readonly Candidate[] }) {
  if (of.length === 0) return null;
  return (
    <>
      <h2>Launch configs</h2>
      <Table
        caption="Launch configs that were candidates"
        columns={[
          {
            id: 'config',
            title: 'Launch config',
            of: ({ launchConfigId, revision }) => (
              <>
                <a href={configPage(workerPoolId, launchConfigId)}>{launchConfigId}</a>, revision {revision}
              </>
            ),
            value: (row) => row.launchConfigId,
          },
          {
            id: 'where',
            title: 'Where, type',
            of: (row) => [row.where, row.type].filter((each) => each !== null).join(' '),
            isWide: true,
          },
          {
            id: 'weight',
            title: 'Weight',
            of: (row) => weightText(row.weight),
            value: (row) => row.weight.drawn,
            isWide: true,
          },
          {
            id: 'outcome',
            title: 'Outcome',
            of: ({ outcome, reason }) => (reason === null ? outcome : `${outcome}: ${reason}`),
          },
          { id: 'until', title: 'Until', of: ({ until }) => (until === null ? '–' : dateAndTime(until)) },
          { id: 'requests', title: 'Cloud request', of: ({ requestIds }) => requestIds.join(' '), isWide: true },
        ]}
        rows={of}
        keyOf={({ launchConfigId, revision }) => `${launchConfigId} ${revision}`}
        empty=""
      />
    </>
  );
}
