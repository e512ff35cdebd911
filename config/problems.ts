export interface Problem {
  /** Path of the key, with dots; empty for the file as a whole. */
  readonly key: string;
  readonly message: string;
}

export type Note = (key: string, message: string) => void;

/** Whether earlier checks found nothing wrong with a key or with what it is in, so that its value may be relied on. */
export type IsReadable = (key: string) => boolean;

/**
 * All problems of a configuration, so that one run names them all. A problem of a key that an earlier check found wrong
 * follows from that one and is left out.
 */
export class Problems {
  readonly #found: Problem[] = [];

  collect(check: (note: Note, isReadable: IsReadable) => void): void {
    const earlier = this.#found.map(({ key }) => key);
    const isReadable: IsReadable = (key) => !earlier.some((wrong) => key === wrong || key.startsWith(`${wrong}.`));
    check((key, message) => {
      if (isReadable(key)) this.#found.push({ key, message });
    }, isReadable);
  }

  /** One for each problem. */
  get lines(): string[] {
    return this.#found.map(({ key, message }) => (key ? `${key}: ${message}` : message));
  }
}
