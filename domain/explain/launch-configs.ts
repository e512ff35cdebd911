import { wanted } from './blocks.js';
import { launching, launchInDoubt } from './demand.js';
import type { Backoff, LaunchConfigEvidence } from './evidence.js';
import type { Candidate } from './explanation.js';
import { failureCauses } from './failure-causes.js';
import type { Finding, Rule, Situation } from './situation.js';
import { clock, count, quoted } from './words.js';

/** Why a pool that wants machines and has room for them finds no launch config to use. */

export const noLaunchConfig: Rule = (situation) => {
  const { candidates, estimate } = situation;
  if (Math.min(estimate.wantedCapacity, estimate.roomCapacity) <= 0) return null;
  if (candidates.some(({ outcome }) => outcome === 'usable')) return null;
  if (candidates.some(({ outcome }) => outcome === 'backing off')) return backedOff(situation);
  const unfinished = candidates.filter(({ outcome }) => outcome === 'launch unfinished');
  const inDoubt = situation.evidence.openLaunches.filter(({ inDoubtSince }) => inDoubtSince !== null);
  if (unfinished.length > 0 && inDoubt.length > 0) return launchInDoubt(situation, inDoubt);
  if (unfinished.length > 0) return launching(situation, situation.evidence.openLaunches);
  return noneEligible(situation);
};

interface BackedOff {
  readonly launchConfig: LaunchConfigEvidence;
  readonly backoff: Backoff;
}

/** The one that ends first: with its end the pool may launch again. */
function backedOff(situation: Situation): Finding {
  return findingOf(situation, backoffsOf(situation));
}

/** The failures of other kinds than the first one's. */
export function otherBackoffs(situation: Situation): Finding[] {
  const finding = noLaunchConfig(situation);
  if (finding === null) return [];
  const others = Map.groupBy(backoffsOf(situation), ({ backoff }) => failureCauses[backoff.failureClass]);
  others.delete(finding.cause);
  return [...others.values()].map((backoffs) => findingOf(situation, backoffs));
}

function backoffsOf({ evidence, candidates }: Situation): BackedOff[] {
  const backing = new Set(
    candidates.filter(({ outcome }) => outcome === 'backing off').map(({ launchConfigId }) => launchConfigId),
  );
  return evidence.launchConfigs
    .flatMap((launchConfig) => {
      const { backoff, launchConfigId } = launchConfig;
      return backoff && backing.has(launchConfigId) ? [{ launchConfig, backoff }] : [];
    })
    .sort((a, b) => a.backoff.until - b.backoff.until);
}

function findingOf(situation: Situation, backoffs: readonly BackedOff[]): Finding {
  const [first] = backoffs as readonly [BackedOff, ...BackedOff[]];
  const { backoff } = first;
  return {
    cause: failureCauses[backoff.failureClass],
    sentence: sayBackoff(situation, backoffs),
    since: Math.max(...backoffs.map((each) => each.backoff.begin)),
    until: backoff.end,
    nextChange: { what: `${first.launchConfig.launchConfigId} is tried again`, at: backoff.until },
    restsOnCounts: false,
    sources: backoffs.map((each) => each.backoff.source),
  };
}

function sayBackoff({ at, candidates, estimate }: Situation, backoffs: readonly BackedOff[]): string {
  const [{ launchConfig, backoff }] = backoffs as readonly [BackedOff, ...BackedOff[]];
  const { launchConfigId, revision, where } = launchConfig;
  const code = backoff.code ?? (backoff.message === null ? backoff.failureClass : quoted(backoff.message));
  const request = backoff.requestIds[0] === undefined ? '' : `, request ${backoff.requestIds[0]}`;
  const next = `next try ${clock(backoff.until, at)}`;
  const want = wanted(estimate.wantedCapacity);
  switch (failureCauses[backoff.failureClass]) {
    case 'quota':
      return `The account's quota${where === null ? '' : ` in ${where}`} was used up for ${launchConfigId} (${code}${request}); ${next}; ${want}.`;
    case 'bad-definition-or-permission':
      return `The cloud refused revision ${revision} of ${launchConfigId} (${code}${request}); somebody must change it; ${next}; ${want}.`;
    default: {
      const all = `${backoffs.length} of ${count(candidates.length, 'launch config')} ${backoffs.length === 1 ? 'was' : 'were'} backed off`;
      return `${all}, ${launchConfigId} after ${code}${request}; ${next}; ${want}.`;
    }
  }
}

function noneEligible({ candidates, input, estimate, poll, pool, evidence }: Situation): Finding {
  const reasons = candidates.map((candidate) => sayExclusion(candidate, evidence.launchConfigs, estimate.roomCapacity));
  const none = 'The pool has no launch config';
  return {
    cause: 'no-eligible-config',
    sentence: `${reasons.length === 0 ? none : reasons.join(', ')}; ${wanted(estimate.wantedCapacity)}.`,
    since: poll.since,
    restsOnCounts: input.pendingTasks !== null,
    sources: [poll.source, pool.source],
  };
}

function sayExclusion(
  { launchConfigId, outcome }: Candidate,
  launchConfigs: readonly LaunchConfigEvidence[],
  room: number,
): string {
  switch (outcome) {
    case 'weight 0':
      return `${launchConfigId} has weight 0`;
    case 'no capacity left': {
      const found = launchConfigs.find((each) => each.launchConfigId === launchConfigId);
      return `${launchConfigId} is at its own maximum (${found?.usedCapacity ?? 0})`;
    }
    case 'no room in the pool':
      return `${launchConfigId} does not fit into the room of ${room}`;
    case 'awaiting a registration':
      return `${launchConfigId} waits for a machine of its own to register`;
    case 'launch unfinished':
      return `${launchConfigId} has a launch without an outcome`;
    case 'backing off':
    case 'usable':
      return `${launchConfigId} is ${outcome}`;
  }
}
