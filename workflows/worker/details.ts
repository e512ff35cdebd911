import type { LifecycleInput, LifecycleStatus } from '../../temporal/messages.js';

/** Steps as people call what they make; a provider's other names stand for themselves. */
const names: Readonly<Record<string, string>> = {
  publicIp: 'public IP',
  networkInterface: 'network interface',
  vm: 'VM',
};

export const nameOf = (step: string): string => names[step] ?? step;

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
  if (input.provisioningSteps.length > 0) {
    lines.push(`Resources: ${input.provisioningSteps.map((step) => mark(step, status)).join(' → ')}`);
  }
  if (status.state === 'stopping') {
    const left = input.removalSteps.filter((step) => !status.removed.includes(step)).map(nameOf);
    lines.push(`Still to be confirmed gone: ${left.join(', ') || 'nothing'}`);
  }
  if (status.lastObservation) {
    const { state, at } = status.lastObservation;
    lines.push(`Last seen by a scan: ${state}, ${new Date(at).toISOString()}`);
  }
  return lines.join('\n\n');
}

function mark(step: string, { provisioned, removed }: LifecycleStatus): string {
  const name = nameOf(step);
  if (removed.includes(step)) return `~~${name}~~`;
  return provisioned.includes(step) ? `${name} ✓` : name;
}
