import type { Graph } from '../graph/graph.ts';
import { fitTwice, type InputLookup, storedWeights } from '../models/weights.ts';
import { type ClassifierModel, loadOverCheckpoint, openScorer, type Scorer } from '../predict/scorer.ts';
import type { Device, Session } from '../runtime/device.ts';

/**
 * The two sessions over a base that training needs, loaded when they are first asked for. Each holds the frozen weights,
 * so of a large base only one is held at a time: asking for the other lets it go.
 */
export class TrainingSessions {
  readonly #device: Device;
  readonly #model: ClassifierModel;
  readonly #gradientGraph: Graph;
  readonly #inputs: InputLookup;
  readonly #holdBoth: boolean;
  #gradient: Session | undefined;
  #scorer: Scorer | undefined;

  constructor(
    device: Device,
    model: ClassifierModel,
    { gradientGraph, inputs }: { readonly gradientGraph: Graph; readonly inputs: InputLookup },
  ) {
    this.#device = device;
    this.#model = model;
    this.#gradientGraph = gradientGraph;
    this.#inputs = inputs;
    this.#holdBoth = fitTwice(storedWeights(gradientGraph, (name) => model.layout.parts.has(name)));
  }

  async gradient(): Promise<Session> {
    if (this.#gradient) return this.#gradient;
    if (!this.#holdBoth) {
      await this.#scorer?.release();
      this.#scorer = undefined;
    }
    this.#gradient = await loadOverCheckpoint(this.#device, this.#gradientGraph, { ...this.#model, label: 'gradient' });
    return this.#gradient;
  }

  async scorer(): Promise<Scorer> {
    if (this.#scorer) return this.#scorer;
    if (!this.#holdBoth) {
      await this.#gradient?.release();
      this.#gradient = undefined;
    }
    this.#scorer = await openScorer(this.#device, this.#model, this.#inputs);
    return this.#scorer;
  }
}
