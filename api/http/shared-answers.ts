/**
 * Lets everybody who wants the same answer within a moment have the one: a hundred open pages then cost the database as
 * much as one. Whoever comes while it is read waits for it.
 */
export class SharedAnswer<T> {
  readonly #read: () => Promise<T>;
  readonly #lastsMs: number;
  #answer: Promise<T> | null = null;
  #readAt = 0;

  constructor(read: () => Promise<T>, lastsMs: number) {
    this.#read = read;
    this.#lastsMs = lastsMs;
  }

  get(): Promise<T> {
    if (this.#answer !== null && performance.now() < this.#readAt + this.#lastsMs) return this.#answer;
    const answer = this.#read();
    this.#answer = answer;
    // Until it is there it is shared however long it takes.
    this.#readAt = Infinity;
    answer.then(
      () => (this.#readAt = performance.now()),
      () => (this.#answer = null),
    );
    return answer;
  }
}
