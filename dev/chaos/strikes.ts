import { cloudFaults, struck } from './faults/clouds.js';
import type { FaultKind } from './faults/kind.js';
import { foreignResources } from './faults/foreign-resources.js';
import { operatorFaults } from './faults/operators.js';
import { outages } from './faults/outages.js';
import { Draw } from './draw.js';
import { pause, type Scene } from './scene.js';

export const faultKinds: readonly FaultKind[] = [...outages, ...cloudFaults, ...operatorFaults, foreignResources];

/** The first strike of each kind comes within this part of the run. */
const FIRST_WITHIN = 0.6;

/** Strikes of all kinds, each in times that its own stream of the seed draws, until demand ends. */
export class Strikes {
  #scene: Scene;
  readonly #seed: number;
  readonly #loadMs: number;
  readonly #isQuick: boolean;
  readonly #counts = new Map<string, number>();
  readonly #onFailure: (what: string) => void;
  #lastOutage: Promise<unknown> = Promise.resolve();

  constructor(
    scene: Scene,
    options: { seed: number; loadMs: number; isQuick: boolean; onFailure: (what: string) => void },
  ) {
    this.#scene = scene;
    this.#seed = options.seed;
    this.#loadMs = options.loadMs;
    this.#isQuick = options.isQuick;
    this.#onFailure = options.onFailure;
  }

  /** Until the signal is aborted; resolves when the last strike is over. */
  async run(): Promise<void> {
    const { shape } = this.#scene.deployment;
    const kinds = faultKinds
      .filter(({ shapes }) => !shapes || shapes.includes(shape))
      .filter(({ isSlow }) => !isSlow || !this.#isQuick);
    for (const { name } of kinds) this.#counts.set(name, 0);
    await Promise.all(kinds.map((kind) => this.#repeat(kind)));
  }

  /** How often each kind struck. */
  async counts(): Promise<ReadonlyMap<string, number>> {
    const waiting = await struck(this.#scene);
    return new Map([...this.#counts].map(([name, count]) => [name, count + (waiting.get(name) ?? 0)]));
  }

  async #repeat(kind: FaultKind): Promise<void> {
    const { signal } = this.#scene;
    const draw = new Draw(this.#seed, kind.name);
    const everyMs = kind.everySeconds * 1000;
    await pause(this.#scene, draw.between(0, Math.min(2 * everyMs, FIRST_WITHIN * this.#loadMs)));
    while (!signal.aborted) {
      // Each strike draws from a stream of its own: how much one draws moves no other.
      const own = new Draw(draw.whole(0, 2 ** 31), kind.name);
      await (kind.isOutage ? this.#afterOthers(() => this.#strike(kind, own)) : this.#strike(kind, own));
      await pause(this.#scene, draw.between(0.3 * everyMs, 1.7 * everyMs));
    }
  }

  async #afterOthers(strike: () => Promise<void>): Promise<void> {
    const mine = this.#lastOutage.then(() => (this.#scene.signal.aborted ? undefined : strike()));
    this.#lastOutage = mine;
    await mine;
  }

  async #strike({ name, strike }: FaultKind, draw: Draw): Promise<void> {
    try {
      const count = await strike(this.#scene, draw);
      this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
    } catch (error) {
      this.#onFailure(`${name}: ${String(error)}`);
    }
  }
}
