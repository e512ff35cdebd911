/**
 * What the harness did, as far as the checker has to know it: whatever else happens is the product's doing. Instants
 * are epoch milliseconds.
 */
export class Journal {
  /** Machines and other things in a cloud that are somebody else's, by id or name. */
  readonly foreign = new Set<string>();
  /**
   * Codes with which clouds refused on purpose, or made operations fail; `Unavailable` when an answer, or a process
   * that waited for one, was lost.
   */
  readonly refusals = new Set<string>();
  readonly #maxima = new Map<string, { readonly from: number; readonly maximum: number }[]>();
  readonly #outages: { readonly from: number; until: number }[] = [];

  /** The pool may have had this maximum from now on: noted before it is requested. */
  noteMaximum(workerPoolId: string, maximum: number): void {
    const maxima = this.#maxima.get(workerPoolId) ?? [];
    maxima.push({ from: Date.now(), maximum });
    this.#maxima.set(workerPoolId, maxima);
  }

  /** The largest maximum that the pool may have had at some time in the interval; null: nobody defined such a pool. */
  largestMaximum(workerPoolId: string, from: number, until: number): number | null {
    const maxima = this.#maxima.get(workerPoolId);
    if (!maxima) return null;
    const before = maxima.findLast((one) => one.from <= from);
    const during = maxima.filter((one) => one.from > from && one.from <= until);
    return Math.max(0, ...[before, ...during].map((one) => one?.maximum ?? 0));
  }

  /** A cloud, the database or Temporal cannot be read until the returned function is called for the first time. */
  beginOutage(): () => void {
    const outage = { from: Date.now(), until: Number.POSITIVE_INFINITY };
    this.#outages.push(outage);
    return () => {
      outage.until = Math.min(outage.until, Date.now());
    };
  }

  /** How much of the interval was no outage. */
  readable(from: number, until: number): number {
    let covered = 0;
    let reached = from;
    for (const outage of this.#outages.toSorted((a, b) => a.from - b.from)) {
      const begin = Math.max(reached, outage.from);
      const end = Math.min(until, outage.until);
      if (end > begin) {
        covered += end - begin;
        reached = end;
      }
    }
    return until - from - covered;
  }
}
