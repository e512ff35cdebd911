/** What ends by itself when its time has come; null: it does not. */
interface Ending {
  readonly dueMs: number | null;
}

interface Clockworks<T extends Ending> {
  /** What has not ended yet, in the order in which it began. */
  running(): Iterable<T>;
  end(due: T, atMs: number): void;
  /** After everything that may have changed some machine: tells of those that began or ceased. */
  report(): void;
}

/** Runs what changes a cloud: first ends what is due, in order; and does so in time also when no call comes. */
export class Clockwork<T extends Ending> {
  readonly #works: Clockworks<T>;
  #timer: NodeJS.Timeout | null = null;
  #timerMs = Infinity;

  constructor(works: Clockworks<T>) {
    this.#works = works;
  }

  run<R>(act: (nowMs: number) => R): R {
    const nowMs = Date.now();
    for (let next = this.#next(); next && next.dueMs <= nowMs; next = this.#next()) {
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

  /** Of several at the same time the one that began first. */
  #next(): Due<T> | null {
    let next: Due<T> | null = null;
    for (const one of this.#works.running()) {
      if (isDue(one) && (!next || one.dueMs < next.dueMs)) next = one;
    }
    return next;
  }

  #wakeForNext(): void {
    const nextMs = this.#next()?.dueMs ?? Infinity;
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

type Due<T extends Ending> = T & { readonly dueMs: number };

const isDue = <T extends Ending>(one: T): one is Due<T> => one.dueMs !== null;
