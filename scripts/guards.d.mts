export interface Guard {
  readonly name: string;
  readonly file: string;
  readonly apply: () => string;
}

export declare function guardsOf(text: string, file: string): Guard[];

export declare const guardedFolders: readonly string[];
