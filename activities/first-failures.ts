/** Of what fails again and again only the first time is news, until it has worked once. One for a process and kind. */
export class FirstFailures {
  private readonly failing = new Set<string>();

  isFirst(name: string): boolean {
    if (this.failing.has(name)) return false;
    this.failing.add(name);
    return true;
  }

  /** All others have worked. */
  retain(names: readonly string[]): void {
    for (const name of this.failing) if (!names.includes(name)) this.failing.delete(name);
  }

  worked(name: string): void {
    this.failing.delete(name);
  }
}
