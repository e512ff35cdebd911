/**
 * Draws an index by weight, and removes one, in logarithmic time. Sums are added anew, so that no rounding piles up.
 */
export class WeightTree {
  private readonly leaves: number;
  private readonly sums: number[];

  constructor(weights: readonly number[]) {
    this.leaves = 2 ** Math.ceil(Math.log2(Math.max(1, weights.length)));
    this.sums = Array.from({ length: 2 * this.leaves }, (_, node) => weights[node - this.leaves] ?? 0);
    for (let node = this.leaves - 1; node > 0; node -= 1) this.addUp(node);
  }

  /** `point` in [0, 1); -1 when no weight is left. */
  pick(point: number): number {
    let rest = point * this.sums[1]!;
    let node = 1;
    if (!(this.sums[1]! > 0)) return -1;
    while (node < this.leaves) {
      const left = this.sums[2 * node]!;
      // a side without weight is never entered, whatever rounding makes of `rest`
      const goesLeft = rest < left || this.sums[2 * node + 1] === 0;
      node = 2 * node + (goesLeft ? 0 : 1);
      if (!goesLeft) rest -= left;
    }
    return node - this.leaves;
  }

  remove(index: number): void {
    let node = this.leaves + index;
    this.sums[node] = 0;
    for (node >>= 1; node > 0; node >>= 1) this.addUp(node);
  }

  private addUp(node: number): void {
    this.sums[node] = this.sums[2 * node]! + this.sums[2 * node + 1]!;
  }
}
