/**
 * What a cloud shows of a machine, or of one resource of it.
 * - `pending`, `running`: exists.
 * - `failed`: exists, will never work (stopped, deallocated, failed to provision); must be removed.
 * - `stopping`: on its way out.
 * - `gone`: the cloud says that it is terminated, or (read by id only) that there is no such thing.
 */
export type MachineState = 'pending' | 'running' | 'failed' | 'stopping' | 'gone';
