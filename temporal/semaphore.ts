/**
 * Lets a number of callers in at once; the others wait in the order of their coming, and no longer than they can. A
 * crowd that is let in as a whole makes everyone's call slow, and the slowest are given up after the work for them was
 * done.
 */
export class Semaphore {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /**
   * Runs `work` when it is the caller's turn; null when that did not come within `withinMs`, and then nothing was done.
   */
  async run<T>(withinMs: number, work: () => Promise<T>): Promise<{ readonly result: T } | null> {
    if (!(await this.#turn(withinMs))) return null;
    try {
      return { result: await work() };
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }

  async #turn(withinMs: number): Promise<boolean> {
    if (this.#free > 0) {
      this.#free -= 1;
      return true;
    }
    return await new Promise((resolve) => {
      const enter = () => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        resolve(false);
      }, withinMs);
      this.#waiting.push(enter);
    });
  }
}
