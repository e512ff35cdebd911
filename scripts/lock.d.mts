export declare function withLock<T>(path: string, work: () => Promise<T>): Promise<T>;
export declare function ownerOf(path: string): number | null;
export declare function isAlive(pid: number | null): boolean;
export declare function tryLock(path: string, isOwner?: (pid: number | null) => boolean): boolean;
