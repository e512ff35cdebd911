export declare const projectRoot: string;
export declare function cacheDir(): string;
