/** Names that are tracked; beyond them the oldest goes, which is reported once more if it still fails. */
const MAX_FAILING = 10_000;

/**
 * Of what fails again and again only the first failure is reported, until it has worked once. One for a process and
 * kind.
 */
export class FirstFailures {
  private readonly failing = new Set<string>();

  isFirst(name: string): boolean {
    if (this.failing.has(name)) return false;
    const [oldest] = this.failing;
    if (this.failing.size >= MAX_FAILING && oldest !== undefined) this.failing.delete(oldest);
    this.failing.add(name);
    return true;
  }

  /** Those of all that fail now that did not fail before; whatever is not among them has worked. */
  firstOf<T>(failed: readonly T[], nameOf: (one: T) => string): T[] {
    const names = new Set(failed.map(nameOf));
    for (const name of this.failing) if (!names.has(name)) this.failing.delete(name);
    return failed.filter((one) => this.isFirst(nameOf(one)));
  }

  worked(name: string): void {
    this.failing.delete(name);
  }
}
