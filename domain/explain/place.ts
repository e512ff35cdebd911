import { isObject } from '../values.js';

/** Where a launch config's machines are, and of what type, as its definition names them; for people. */
export function placeOf(configuration: unknown): { readonly where: string | null; readonly type: string | null } {
  const of = (...path: readonly string[]): string | null => {
    const found = path.reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), configuration);
    return typeof found === 'string' && found !== '' ? (found.split('/').at(-1) ?? null) : null;
  };
  return {
    where: of('launchConfig', 'Placement', 'AvailabilityZone') ?? of('zone') ?? of('region') ?? of('location'),
    type: of('launchConfig', 'InstanceType') ?? of('machineType') ?? of('hardwareProfile', 'vmSize'),
  };
}
