import { ApiError } from './errors.js';

/** Refused registrations that one address may have at once, and for how long each counts. */
const BURST = 200;
const EACH_COUNTS_MS = 100;
/** Addresses remembered; the one that was refused longest ago is forgotten first. */
const REMEMBERED = 10_000;

/**
 * Slows down an address that guesses: registration is open to everybody, and each attempt costs a query and often a
 * signature's verification (W60). Only refusals count, so that any number of real machines behind one address register
 * at full speed; and it is 503, because a real machine among the guessers must try again. For each process.
 */
export class Refusals {
  /** When an address's refusals will have been forgotten, epoch milliseconds. */
  readonly #until = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Throws TryAgain when this address has been refused too often lately. */
  check(address: string): void {
    const debt = (this.#until.get(address) ?? 0) - this.#now();
    if (debt > BURST * EACH_COUNTS_MS) throw new ApiError('TryAgain', 'Too many registrations were refused.');
  }

  note(address: string): void {
    const until = Math.max(this.#until.get(address) ?? 0, this.#now()) + EACH_COUNTS_MS;
    this.#until.delete(address);
    this.#until.set(address, until);
    const [oldest] = this.#until.keys();
    if (this.#until.size > REMEMBERED && oldest !== undefined) this.#until.delete(oldest);
  }
}
