export declare const stateDir: string;
export declare const launcherLock: string;
export declare function commandLineOf(pid: number | null): string;
export declare function isLauncher(pid: number | null): boolean;
export declare function endOrphan(pidFile: string, mark: string, graceMs?: number): Promise<number | null>;
export declare function endAllOrphans(): Promise<number[]>;
