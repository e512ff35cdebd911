export interface Lock {
  readonly packages: Record<string, Record<string, unknown>>;
}
export declare function completeLock(lock: Lock): string[];
