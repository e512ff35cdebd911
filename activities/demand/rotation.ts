/** Turns among items of which there may be more than can be done at once: those that have waited longest come first. */
export class Rotation {
  /** When each had its last turn. */
  #turns = new Map<string, number>();
  #turn = 0;

  /** Those that never had a turn first, in the order given; what is not in `items` is forgotten. */
  longestWaitingFirst<T>(items: readonly T[], nameOf: (item: T) => string): T[] {
    this.#turn += 1;
    const lastTurnOf = (item: T) => this.#turns.get(nameOf(item)) ?? 0;
    const sorted = items.toSorted((one, other) => lastTurnOf(one) - lastTurnOf(other));
    const names = new Set(items.map(nameOf));
    this.#turns = new Map([...this.#turns].filter(([name]) => names.has(name)));
    return sorted;
  }

  /** That this one has its turn now. */
  note(name: string): void {
    this.#turns.set(name, this.#turn);
  }
}
