import { createHash } from 'node:crypto';

const zonesOf = (region: string, letters: string): string[] => letters.split('').map((letter) => `${region}-${letter}`);

/**
 * Real zones: those of the published worker pools, and some more, so that a list of all of them has a real one's
 * length.
 */
export const usualZones: readonly string[] = [
  ...zonesOf('europe-west1', 'bcd'),
  ...zonesOf('europe-west4', 'abc'),
  ...zonesOf('northamerica-northeast1', 'abc'),
  ...zonesOf('us-central1', 'abcf'),
  ...zonesOf('us-east1', 'bcd'),
  ...zonesOf('us-east4', 'abc'),
  ...zonesOf('us-south1', 'abc'),
  ...zonesOf('us-west1', 'abc'),
  ...zonesOf('us-west2', 'abc'),
  ...zonesOf('us-west3', 'abc'),
  ...zonesOf('us-west4', 'abc'),
];

export const regionOf = (zone: string): string => zone.replace(/-[a-z]$/, '');

/** The same digits for the same text, none of them a leading zero. */
export function digitsOf(text: string, length: number): string {
  const number = BigInt(`0x${createHash('sha256').update(text).digest('hex')}`);
  return `1${number.toString().slice(0, length - 1)}`;
}

export const projectNumber = (project: string): string => digitsOf(`project ${project}`, 12);

const COMPUTE = 'https://www.googleapis.com/compute/v1';
export const zonePath = (project: string, zone: string): string => `projects/${project}/zones/${zone}`;
export const zoneUrl = (project: string, zone: string): string => `${COMPUTE}/${zonePath(project, zone)}`;
export const computeUrl = (path: string): string => `${COMPUTE}/${path}`;

/** What follows the last slash of a full or partial URL. */
export const lastPart = (url: string): string => url.slice(url.lastIndexOf('/') + 1);

/** As Compute Engine writes instants: in its own offset, never `Z`. */
export function timestamp(ms: number): string {
  const OFFSET_HOURS = 7;
  const local = new Date(ms - OFFSET_HOURS * 3_600_000).toISOString();
  return `${local.slice(0, -1)}-0${OFFSET_HOURS}:00`;
}
