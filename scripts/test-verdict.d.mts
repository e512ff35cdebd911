export interface GuardsTest {
  readonly test: string;
  readonly title: string;
  readonly mayTimeOut?: boolean;
}

export interface JestReport {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

export interface Verdict {
  readonly isCaught: boolean;
  readonly summary: string;
  readonly messages: readonly string[];
}

export declare function verdictOf(
  of: GuardsTest,
  withGuard: JestReport | null,
  runWithout: () => Promise<JestReport | null>,
): Promise<Verdict>;
