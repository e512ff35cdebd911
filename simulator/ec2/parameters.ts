import { createHash } from 'node:crypto';

/** Parameters of the query protocol: `Filter.1.Value.2=x` and so on. */
export class Parameters {
  readonly #values: URLSearchParams;

  constructor(body: string) {
    this.#values = new URLSearchParams(body);
  }

  get(name: string): string | undefined {
    return this.#values.get(name) ?? undefined;
  }

  /** `Name.1`, `Name.2`, … until the first that is missing. */
  list(name: string): string[] {
    const found: string[] = [];
    for (let index = 1; ; index++) {
      const value = this.get(`${name}.${index}`);
      if (value === undefined) return found;
      found.push(value);
    }
  }

  /** How many structures `Name.1.…`, `Name.2.…` there are. */
  structures(name: string): number {
    let highest = 0;
    for (const key of this.#values.keys()) {
      if (!key.startsWith(`${name}.`)) continue;
      const index = Number(key.slice(name.length + 1).split('.', 1)[0]);
      if (Number.isInteger(index) && index > highest) highest = index;
    }
    return highest;
  }

  /** A fingerprint of the whole request: all parameters in a fixed order, without the client token. */
  hash(): string {
    const pairs = [...this.#values.entries()].filter(([key]) => key !== 'ClientToken');
    pairs.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
    return createHash('sha256').update(JSON.stringify(pairs)).digest('hex').slice(0, 32);
  }
}
