import { textAt } from '../members.js';
import type { ArmStore } from './store.js';

/**
 * How many more machines of this size a location has room for, under the limits that `POST /simulator/capacity` has set
 * for the location and for the size in it. Failed machines take no room.
 */
export function remainingCapacity(
  store: ArmStore,
  capacity: Readonly<Record<string, number>>,
  location: string,
  vmSize: string,
): number {
  const ofLocation = capacity[location] ?? Infinity;
  const ofSize = capacity[`${location}/${vmSize}`] ?? Infinity;
  if (ofLocation === Infinity && ofSize === Infinity) return Infinity;
  let [inLocation, inSize] = [0, 0];
  for (const one of store.resources()) {
    if (one.kind !== 'virtualMachines' || one.location !== location || one.state === 'Failed') continue;
    inLocation++;
    if (textAt(one.properties, 'hardwareProfile', 'vmSize') === vmSize) inSize++;
  }
  // The machine in question is among them already.
  return Math.min(ofLocation - inLocation, ofSize - inSize) + 1;
}
