/** What ends by itself when its time has come. */
export interface Due {
  readonly dueMs: number;
}

export interface Clockworks<T extends Due> {
  nextDue(): T | null;
  end(due: T, atMs: number): void;
  /** After everything that may have changed some machine: tells of those that began or ceased. */
  report(): void;
}

/** Runs what changes a cloud: first ends what is due, in order; and does so in time also when no call comes. */
export class Clockwork<T extends Due> {
  readonly #works: Clockworks<T>;
  #timer: NodeJS.Timeout | null = null;
  #timerMs = Infinity;

  constructor(works: Clockworks<T>) {
    this.#works = works;
  }

  run<R>(act: (nowMs: number) => R): R {
    const nowMs = Date.now();
    for (let next = this.#works.nextDue(); next && next.dueMs <= nowMs; next = this.#works.nextDue()) {
      this.#works.end(next, next.dueMs);
    }
    try {
      return act(nowMs);
    } finally {
      this.#works.report();
      this.#wakeForNext();
    }
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#timerMs = Infinity;
  }

  #wakeForNext(): void {
    const nextMs = this.#works.nextDue()?.dueMs ?? Infinity;
    if (nextMs >= this.#timerMs) return;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timerMs = nextMs;
    this.#timer = setTimeout(
      () => {
        this.#timerMs = Infinity;
        this.run(() => undefined);
      },
      Math.max(0, nextMs - Date.now()),
    );
  }
}
