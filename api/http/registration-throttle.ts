import { isIPv6 } from 'node:net';
import { ApiError } from './errors.js';

export interface ThrottleLimits {
  /** How many may come at once. */
  readonly burst: number;
  /** How long each counts. */
  readonly eachCountsMs: number;
}

/** Subjects that are counted; the one that was counted longest ago is dropped first. */
const MAX_SUBJECTS = 10_000;

/**
 * Slows down one caller, by name, in one process. It is 503 with Retry-After: whoever comes too often may come later.
 */
export class Throttle {
  /** When what a subject did will have been forgotten, epoch milliseconds. */
  readonly #until = new Map<string, number>();
  readonly #limits: ThrottleLimits;
  readonly #message: string;
  readonly #now: () => number;

  constructor(limits: ThrottleLimits, message: string, now: () => number) {
    this.#limits = limits;
    this.#message = message;
    this.#now = now;
  }

  /** Throws TryAgain when the subject has been counted too often lately. */
  assertAllowed(subject: string): void {
    const { burst, eachCountsMs } = this.#limits;
    const debt = (this.#until.get(subject) ?? 0) - this.#now();
    if (debt > (burst - 1) * eachCountsMs) throw new ApiError('TryAgain', this.#message);
  }

  count(subject: string): void {
    const until = Math.max(this.#until.get(subject) ?? 0, this.#now()) + this.#limits.eachCountsMs;
    this.#until.delete(subject);
    this.#until.set(subject, until);
    const [oldest] = this.#until.keys();
    if (this.#until.size > MAX_SUBJECTS && oldest !== undefined) this.#until.delete(oldest);
  }
}

/** An address as some proxies write it, with the port that it called from: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
const WITH_PORT = /^(?:\[(.+)\]|([^:]+))(?::\d{1,5})?$/;

/**
 * Whom an address stands for. One host has all addresses of an IPv6 network of 64 bits, so they count as one; IPv4
 * written as IPv6 is IPv4. The port that a proxy names says nothing: each connection has another.
 */
export function networkOf(written: string): string {
  const [, bracketed, plain] = WITH_PORT.exec(written) ?? [];
  const address = bracketed ?? plain ?? written;
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('%')[0]!.toLowerCase().split('::');
  const before = head === '' ? [] : head.split(':');
  // Groups that the double colon leaves out are zeros; a dotted end stands for two groups.
  const after = tail ? tail.split(':') : [];
  const given = before.length + after.length + (address.includes('.') ? 1 : 0);
  const groups = tail === undefined ? before : [...before, ...Array<string>(8 - given).fill('0'), ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}
