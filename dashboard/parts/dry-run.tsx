import { useState } from 'preact/hooks';
import type { DryRun } from '../../api/schemas/dry-run.js';
import { type ApiFailure, call } from '../client.js';
import { count } from '../format.js';
import { poolCall } from '../urls.js';
import { Facts, Failure } from './small.js';

/** What the API said of a text. */
interface Tried {
  readonly text: string;
  readonly result: DryRun | null;
  readonly failure: ApiFailure | null;
}

/** What a definition would do; `tried` is of this very text, null for one that was not tried. */
export function useDryRun(workerPoolId: string, text: string) {
  const [tried, setTried] = useState<Tried | null>(null);
  const dryRun = async () => {
    const answer = call<DryRun>('POST', poolCall(workerPoolId, '/dry-run'), JSON.parse(text));
    const found = await answer.then(
      (result) => ({ text, result, failure: null }),
      (failure: ApiFailure) => ({ text, result: null, failure }),
    );
    setTried(found);
  };
  return { tried: tried?.text === text ? tried : null, dryRun };
}

export function DryRunOutcome({ of }: { of: Tried | null }) {
  if (of === null) return <p>What it would do is shown before it can be saved.</p>;
  return (
    <>
      <Failure of={of.failure} />
      {of.result && <Outcome of={of.result} />}
    </>
  );
}

/** What would change, and what would be launched at once. */
function Outcome({ of }: { of: DryRun }) {
  const { launchConfigs, blockedBy, choices, passedOver, refused, remarks } = of;
  const list = (texts: readonly string[]) => texts.join(', ') || '–';
  return (
    <section aria-label="Dry run">
      <h2>Dry run: nothing is changed yet</h2>
      <Facts
        of={[
          ['Launch configs created', list(launchConfigs.created)],
          ['Launch configs revised', list(launchConfigs.revised)],
          ['Launch configs archived', list(launchConfigs.archived)],
          ['Capacity to replace', count(of.archivedCapacity)],
          ['Pending tasks', count(of.pendingTasks)],
          ['Wanted', count(of.wantedCapacity)],
          ['Room', count(of.roomCapacity)],
          ['Would launch now', list(choices.map((each) => `${each.machines} of ${each.launchConfigId}`))],
          ['Passed over', list(passedOver.map((each) => `${each.launchConfigId}: ${each.reason}`))],
        ]}
      />
      {blockedBy.length > 0 && <p role="alert">Nothing is launched at the moment: {list(blockedBy)}</p>}
      {refused.map(({ launchConfigId, reason }) => (
        <p key={launchConfigId} role="alert">
          No request can be made of {launchConfigId}: {reason}
        </p>
      ))}
      {remarks.map((remark) => (
        <p key={remark}>{remark}</p>
      ))}
    </section>
  );
}
