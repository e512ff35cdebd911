import type { LifecycleInput, LifecycleStatus } from '../../temporal/messages.js';

/** A step as people call it. */
export const labelOf = ({ stepLabels }: Pick<LifecycleInput, 'stepLabels'>, step: string): string =>
  stepLabels?.[step] ?? step;

/** The lifecycle in words, for the Temporal UI's current details (Markdown); made anew at each change. */
export function describeLifecycle(input: LifecycleInput, status: LifecycleStatus): string {
  // What matters first: the UI cuts long details off.
  const lines = [status.phase === status.state ? `**${status.state}**` : `**${status.state}** (${status.phase})`];
  if (status.deadline !== null && status.state !== 'stopping' && status.state !== 'stopped') {
    const what = status.state === 'requested' ? 'Must register before' : 'Credentials end';
    lines.push(`${what}: ${new Date(status.deadline).toISOString()}`);
  }
  if (status.stopReason) lines.push(`Stops because: ${status.stopReason}`);
  lines.push(
    `Worker \`${input.workerGroup}/${input.workerId}\` of pool \`${input.workerPoolId}\`, provider \`${input.providerId}\`` +
      (input.launchConfigId ? `, launch config \`${input.launchConfigId}\`` : ''),
  );
  if (input.creationSteps.length > 0) {
    lines.push(`Resources: ${input.creationSteps.map((step) => markOf(input, step, status)).join(' → ')}`);
  }
  if (status.state === 'stopping') {
    const left = input.removalSteps
      .filter((step) => !status.removed.includes(step))
      .map((step) => labelOf(input, step));
    lines.push(`Still to be confirmed gone: ${left.join(', ') || 'nothing'}`);
  }
  if (status.lastObservation) {
    const { state, at } = status.lastObservation;
    lines.push(`Last seen by a scan: ${state}, ${new Date(at).toISOString()}`);
  }
  return lines.join('\n\n');
}

function markOf(input: LifecycleInput, step: string, { createdSteps, removed }: LifecycleStatus): string {
  const name = labelOf(input, step);
  if (removed.includes(step)) return `~~${name}~~`;
  return createdSteps.includes(step) ? `${name} ✓` : name;
}
