export interface Evidence {
  /** The simulator's log of requests. */
  readonly log: string;
  /** URL of the worker manager's server. */
  readonly api?: string;
  /** host:port */
  readonly temporal?: string;
  readonly namespace?: string;
  /** Nothing may be left. */
  readonly ended?: boolean;
}

export function checkEvidence(evidence: Evidence): Promise<{ readonly isKept: boolean; readonly table: string }>;
