/** What has been begun, and how each ends: the last first, and each whatever came of the others' ends. */
export class Begun {
  readonly #ends: (() => unknown)[] = [];

  add<T>(begun: T, end: (begun: T) => unknown): T {
    this.#ends.push(() => end(begun));
    return begun;
  }

  /** Throws what ends threw, once all have been tried; each is tried once. */
  async end(): Promise<void> {
    const errors: unknown[] = [];
    for (const end of this.#ends.splice(0).toReversed()) {
      try {
        await end();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, errors.map(String).join('; '));
  }
}

/** What `begin` began ends when `begin` fails. */
export async function beginAll<T>(begin: (begun: Begun) => Promise<T>): Promise<T> {
  const begun = new Begun();
  try {
    return await begin(begun);
  } catch (error) {
    await begun.end().catch(() => undefined);
    throw error;
  }
}
