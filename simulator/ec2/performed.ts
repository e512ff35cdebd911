/** What an action did: the inside of its answer, and what the log says about it. */
export interface Performed {
  readonly body: string;
  readonly created?: readonly string[];
  readonly terminated?: readonly string[];
  readonly details?: Readonly<Record<string, unknown>>;
}
