export interface SemaphoreLimits {
  /** Calls at once, of all subjects together and of each. */
  readonly atOnce: number;
  readonly atOnceEach: number;
  /** Calls that wait. Of more of one subject the next is turned away, of more of all the last of the longest line. */
  readonly waiting: number;
  readonly waitingEach: number;
}

/** A call that waits: hears once whether it may begin. */
type Turn = (admitted: boolean) => void;

/**
 * Lets a number of calls in at once, and the subjects that they come from one after the other: whoever sends a thousand
 * waits behind their own, and others behind one of them. The calls of one subject wait in the order of their coming.
 */
export class FairSemaphore {
  readonly #limits: SemaphoreLimits;
  /** Of each subject that waits, its calls; the subject that is let in next comes first. */
  readonly #waiting = new Map<string, Turn[]>();
  readonly #running = new Map<string, number>();
  #waitingCount = 0;
  #runningCount = 0;

  constructor(limits: SemaphoreLimits) {
    this.#limits = limits;
  }

  /**
   * Runs `work` when it is the caller's turn; null when that cannot come or does not within `withinMs`, and then
   * nothing was done.
   */
  async run<T>(subject: string, withinMs: number, work: () => Promise<T>): Promise<{ readonly result: T } | null> {
    if (!(await this.#turn(subject, withinMs))) return null;
    try {
      return { result: await work() };
    } finally {
      this.#leave(subject);
    }
  }

  async #turn(subject: string, withinMs: number): Promise<boolean> {
    if (this.#runningCount < this.#limits.atOnce && this.#mayEnter(subject)) {
      this.#enter(subject);
      return true;
    }
    const line = this.#waiting.get(subject) ?? [];
    if (line.length >= this.#limits.waitingEach) return false;
    if (this.#waitingCount >= this.#limits.waiting && !this.#makeRoom(line.length)) return false;
    this.#waiting.set(subject, line);
    this.#waitingCount += 1;
    return await new Promise((resolve) => {
      const turn: Turn = (admitted) => {
        clearTimeout(timer);
        resolve(admitted);
      };
      const timer = setTimeout(() => {
        this.#remove(subject, line, line.indexOf(turn));
        resolve(false);
      }, withinMs);
      line.push(turn);
    });
  }

  /** Turns away the last of the longest line, where that is longer than the line of who comes will be. */
  #makeRoom(length: number): boolean {
    const [subject, line] = [...this.#waiting].reduce((one, other) => (other[1].length > one[1].length ? other : one));
    if (line.length <= length + 1) return false;
    const turn = line.at(-1);
    this.#remove(subject, line, line.length - 1);
    turn?.(false);
    return true;
  }

  #mayEnter(subject: string): boolean {
    return (this.#running.get(subject) ?? 0) < this.#limits.atOnceEach;
  }

  #enter(subject: string): void {
    this.#runningCount += 1;
    this.#running.set(subject, (this.#running.get(subject) ?? 0) + 1);
  }

  #leave(subject: string): void {
    this.#runningCount -= 1;
    const left = (this.#running.get(subject) ?? 1) - 1;
    if (left > 0) this.#running.set(subject, left);
    else this.#running.delete(subject);
    this.#admitNext();
  }

  /** A place that becomes free is one subject's: nobody else who waits may enter more than before. */
  #admitNext(): void {
    for (const [subject, line] of this.#waiting) {
      if (!this.#mayEnter(subject)) continue;
      const [turn] = line;
      this.#remove(subject, line, 0);
      // Behind all others from now on.
      if (this.#waiting.delete(subject)) this.#waiting.set(subject, line);
      this.#enter(subject);
      turn?.(true);
      return;
    }
  }

  #remove(subject: string, line: Turn[], index: number): void {
    line.splice(index, 1);
    this.#waitingCount -= 1;
    if (line.length === 0) this.#waiting.delete(subject);
  }
}
