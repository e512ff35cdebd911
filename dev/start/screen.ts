/**
 * Lines that stay, and below them, on a terminal, a part that is drawn anew in its place.
 */
export class Screen {
  readonly #out: NodeJS.WriteStream;
  #drawn: readonly string[] = [];

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  get isTerminal(): boolean {
    return this.#out.isTTY;
  }

  say(...lines: readonly string[]): void {
    const below = this.#drawn;
    this.#erase();
    this.#out.write(lines.map((line) => `${line}\n`).join(''));
    if (below.length > 0) this.draw(below);
  }

  /** Replaces what was drawn last. */
  draw(lines: readonly string[]): void {
    this.#erase();
    this.#out.write(lines.map((line) => `${line}\n`).join(''));
    this.#drawn = lines;
  }

  /** What was drawn stays as it is. */
  leave(): void {
    this.#drawn = [];
  }

  #erase(): void {
    if (this.#drawn.length === 0) return;
    const rows = this.#drawn.reduce((sum, line) => sum + this.#rowsOf(line), 0);
    this.#out.write(`\u001B[${rows}A\r\u001B[J`);
    this.#drawn = [];
  }

  /** A line longer than the terminal is wide takes several rows. */
  #rowsOf(line: string): number {
    return Math.max(1, Math.ceil(line.length / (this.#out.columns || 80)));
  }
}
