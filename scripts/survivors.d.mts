export interface Mutant {
  readonly status: string;
  readonly statusReason?: string;
  readonly replacement: string;
  readonly location: Record<'start' | 'end', { readonly line: number; readonly column: number }>;
}

export interface Report {
  readonly files: Readonly<Record<string, { readonly source: string; readonly mutants: readonly Mutant[] }>>;
}

export declare function compareSurvivors(
  report: Report,
  list: string,
): { readonly total: number } & Readonly<
  Record<'listed' | 'unlisted' | 'stale' | 'unreached' | 'endless' | 'timedOut' | 'errors', readonly string[]>
>;
