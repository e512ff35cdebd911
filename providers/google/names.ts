import { createHash } from 'node:crypto';

/**
 * Names, label values and ids of a launch. All follow from the launch's token and are valid for every pool id, owner
 * and provider id that the API takes: a name is `[a-z]([-a-z0-9]{0,61}[a-z0-9])?`, a label's value `[a-z0-9_-]{0,63}`.
 */

const MAX_LABEL_LENGTH = 63;
const MAX_POOL_LENGTH = 36;

/** Of the token: 64 hexadecimal digits. A token itself may hold dots, and so is no label's value. */
const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');

/** What the label of a launch says. */
export const launchLabel = (token: string): string => hashOf(token).slice(0, 32);

/** Begins the names of a launch's machines: the pool for people, and enough of the token's hash for the project. */
export function namePrefix(workerPoolId: string, token: string): string {
  const pool = workerPoolId.toLowerCase().replace(/[^a-z0-9]/g, '-');
  const named = (/^[a-z]/.test(pool) ? pool : `w${pool}`).slice(0, MAX_POOL_LENGTH);
  return `${named}-${hashOf(token).slice(0, 16)}-`;
}

/** Machines in one launch: one page of a list shows them all. */
export const MAX_PER_LAUNCH = 500;

/** Whether a machine of this launch is called so. A copy of one (the console calls it `…-1`) is not. */
export const isMachineName = (name: string, workerPoolId: string, token: string): boolean => {
  const prefix = namePrefix(workerPoolId, token);
  return name.startsWith(prefix) && isIndex(name.slice(prefix.length));
};

/**
 * Whether a disk of a machine of the launch with this label (`launchLabel`) is called so: as the machine, and Google
 * adds a number to the name of each further disk. Nobody can guess the middle of it.
 */
export const isDiskName = (name: string, label: string): boolean => {
  const [, hash, index] = /^[a-z][-a-z0-9]*-([0-9a-f]{16})-([0-9a-z]+)(?:-[0-9]{1,2})?$/.exec(name) ?? [];
  return hash !== undefined && isIndex(index!) && /^[0-9a-f]{32}$/.test(label) && label.startsWith(hash);
};

const isIndex = (text: string): boolean => {
  const index = Number.parseInt(text, 36);
  return index < MAX_PER_LAUNCH && index.toString(36) === text;
};

export const machineNames = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => prefix + index.toString(36));

/** Google ignores a second request of the same id: the same for every attempt of a launch. */
export const launchRequestId = (token: string): string => uuidOf(`launch ${token}`);

/**
 * Of a deletion: a repeat within the hour gets the operation of the first, which Google refuses to begin twice. `turn`
 * tells a new attempt from a repeat.
 */
export const deleteRequestId = (instanceId: string, turn: string): string => uuidOf(`delete ${instanceId} ${turn}`);

/** A valid UUID (version 8, made of a hash; RFC 9562) of a text. */
function uuidOf(text: string): string {
  const hex = hashOf(text);
  const variant = ((Number.parseInt(hex[16]!, 16) & 0b0011) | 0b1000).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ].join('-');
}

/** A text as a label's value: for people and for filters of theirs, never compared by us. */
export const labelValue = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '-')
    .slice(0, MAX_LABEL_LENGTH);
