import { randomUUID } from 'node:crypto';
import { ConnectionLost, type Failure, Refusal } from './errors.js';

/**
 * - `refuse`: the call is answered with an error and does nothing.
 * - `hold-request`: it waits before it acts, until released; it acts then, even if its caller has gone.
 * - `hold-answer`: it acts, and its answer waits until released.
 * - `lose-request`: the connection is cut before it acts.
 * - `lose-answer`: it acts, and the connection is cut in place of the answer.
 * - `end-machines`: a launch of EC2 acts, and its machines end at once with the code as their state reason.
 *
 * For calls of Azure and Google that begin an operation; any other call goes undisturbed:
 * - `fail-operation`: the operation ends as failed with the code; of Google's, with `machines`, for so many of its
 *   machines.
 * - `fail-provisioning`: Azure's ends as failed with the code, and the machine runs all the same.
 * - `stick-operation`: it does not end until released (as succeeded) or dropped (as failed with the code).
 */
export const faultModes = [
  'refuse',
  'hold-request',
  'hold-answer',
  'lose-request',
  'lose-answer',
  'end-machines',
  'fail-operation',
  'fail-provisioning',
  'stick-operation',
] as const;
export type FaultMode = (typeof faultModes)[number];

export interface FaultRule {
  readonly id: string;
  /**
   * `*` (every call of the clouds and the queue), `RunInstances`, `instances.bulkInsert`, `registerWorker`,
   * `taskQueueCounts`, …, or `api:<METHOD> <path prefix>`.
   */
  readonly operation: string;
  readonly mode: FaultMode;
  /** For `refuse`. */
  readonly code: string;
  readonly status: number;
  /** For refusals of Azure and Google, and for their operations that fail: what is nested in the error. */
  readonly details: readonly Failure[];
  /** For refusals of Azure and Google: the header Retry-After. */
  readonly retryAfterSeconds: number | null;
  /** For operations of Google that fail: how many of the machines do; null: all. */
  readonly machines: number | null;
  /** Calls it strikes; then it is spent. */
  readonly times: number;
  /** Calls it lets pass first. */
  readonly skip: number;
  /** Only calls that concern this machine. */
  readonly workerId: string | null;
  /** Only calls that concern this pool: of Azure about what bears its tag, and of its machines to the API. */
  readonly workerPoolId: string | null;
  /** Google: the zone. */
  readonly region: string | null;
  /** Google: only lists whose filter holds this text. */
  readonly filter: string | null;
}

/** What is known of a call before it acts. */
export interface Call {
  readonly operation: string;
  /** Method and path, for calls that are forwarded. */
  readonly route?: string;
  readonly region?: string;
  readonly workerIds?: readonly string[];
  readonly workerPoolId?: string | null;
  readonly filter?: string | null;
}

interface ActiveRule extends FaultRule {
  passed: number;
  /** Calls that it has chosen; each counts as a hit once it has got as far as the mode says. */
  struck: number;
  hits: number;
  held: ((released: Release) => void)[];
  waiting: { hits: number; resolve: (state: RuleState) => void }[];
  released: Release | null;
}

/** How a held call goes on. */
export type Release = 'go' | 'drop';

export interface RuleState extends FaultRule {
  readonly hits: number;
  readonly held: number;
}

/** Failures to inject, by rule. The first rule that fits a call strikes it. */
export class Faults {
  readonly #rules = new Map<string, ActiveRule>();

  add(rule: Omit<FaultRule, 'id'> & { id?: string }): RuleState {
    const id = rule.id ?? randomUUID();
    if (this.#rules.has(id)) throw new Refusal('RequestConflict', `there is a fault ${id} already`, 409);
    const active: ActiveRule = { ...rule, id, passed: 0, struck: 0, hits: 0, held: [], waiting: [], released: null };
    this.#rules.set(id, active);
    return stateOf(active);
  }

  /** The rule that strikes this call; null when the call goes undisturbed. */
  strike(call: Call): Fault | null {
    for (const rule of this.#rules.values()) {
      if (rule.released !== null || rule.struck >= rule.times || !fits(rule, call)) continue;
      if (rule.passed < rule.skip) {
        rule.passed++;
        continue;
      }
      rule.struck++;
      return new Fault(rule);
    }
    return null;
  }

  list(): RuleState[] {
    return [...this.#rules.values()].map(stateOf);
  }

  /** Lets go all calls that the rule holds; it strikes no more. */
  release(id: string, how: Release): RuleState {
    const rule = this.#get(id);
    rule.released = how;
    for (const go of rule.held.splice(0)) go(how);
    return stateOf(rule);
  }

  remove(id: string): void {
    this.release(id, 'go');
    this.#rules.delete(id);
  }

  clear(): void {
    for (const id of [...this.#rules.keys()]) this.remove(id);
  }

  /** Resolves when the rule has struck `hits` calls (a held one has then reached its hold), or after the time. */
  async hit(id: string, hits: number, timeoutMs: number): Promise<RuleState> {
    const rule = this.#get(id);
    if (rule.hits >= hits) return stateOf(rule);
    const { promise, resolve } = Promise.withResolvers<RuleState>();
    rule.waiting.push({ hits, resolve });
    const timer = setTimeout(() => resolve(stateOf(rule)), timeoutMs);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  #get(id: string): ActiveRule {
    const rule = this.#rules.get(id);
    if (!rule) throw new Refusal('ResourceNotFound', `there is no fault ${id}`, 404);
    return rule;
  }
}

/** A rule striking one call. */
export class Fault {
  readonly #rule: ActiveRule;

  constructor(rule: ActiveRule) {
    this.#rule = rule;
  }

  get mode(): FaultMode {
    return this.#rule.mode;
  }

  get code(): string {
    return this.#rule.code;
  }

  get machines(): number | null {
    return this.#rule.machines;
  }

  /** What an operation is to fail with. */
  failure(message: string): Failure {
    const { code, details } = this.#rule;
    return { code, message, ...(details.length > 0 && { details }) };
  }

  /** Calls back when the rule is released; at once when it was. */
  whenReleased(then: (how: Release) => void): void {
    if (this.#rule.released !== null) then(this.#rule.released);
    else this.#rule.held.push(then);
  }

  /** Called before the call acts. Throws when it must not. */
  async beforeActing(): Promise<void> {
    if (this.mode === 'refuse') {
      this.#arrived();
      const { code, status, details, retryAfterSeconds } = this.#rule;
      throw new Refusal(code, 'refused on purpose', status, { details, retryAfterSeconds });
    }
    if (this.mode === 'lose-request') {
      this.#arrived();
      throw new ConnectionLost();
    }
    if (this.mode === 'hold-request') await this.#hold();
  }

  /** Called after the call acted and was logged, before its answer. Throws when the answer must not arrive. */
  async beforeAnswering(): Promise<void> {
    if (this.mode === 'lose-answer') {
      this.#arrived();
      throw new ConnectionLost();
    }
    if (this.mode === 'hold-answer') await this.#hold();
    if (this.mode.endsWith('-operation') || this.mode === 'fail-provisioning' || this.mode === 'end-machines')
      this.#arrived();
  }

  async #hold(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<Release>();
    this.whenReleased(resolve);
    this.#arrived();
    if ((await promise) === 'drop') throw new ConnectionLost();
  }

  #arrived(): void {
    const rule = this.#rule;
    rule.hits++;
    rule.waiting = rule.waiting.filter(({ hits, resolve }) => {
      if (rule.hits < hits) return true;
      resolve(stateOf(rule));
      return false;
    });
  }
}

function fits(rule: FaultRule, call: Call): boolean {
  if (rule.workerId !== null && !call.workerIds?.includes(rule.workerId)) return false;
  if (rule.workerPoolId !== null && call.workerPoolId !== rule.workerPoolId) return false;
  if (rule.region !== null && call.region !== rule.region) return false;
  if (rule.filter !== null && !call.filter?.includes(rule.filter)) return false;
  if (rule.operation.startsWith('api:')) return call.route?.startsWith(rule.operation.slice('api:'.length)) ?? false;
  return rule.operation === '*' || rule.operation === call.operation;
}

function stateOf(rule: ActiveRule): RuleState {
  const { passed: _passed, struck: _struck, waiting: _waiting, released: _released, held, ...shown } = rule;
  return { ...shown, held: held.length };
}
