/**
 * What can be said of every assigned device at every instant, also when it said nothing: the agent attests it, so that a
 * gap has a cause. Instants are of the transport's clock. Pure bookkeeping; the caller makes it durable.
 *
 * An interval is *received* when at least one value came in it, *silent* when the device was linked or heard without a
 * value, *out-of-range* when it was neither, *paused* while its patient does not consent to collect.
 */
import type { CoverageLeaf, CoverageState } from '../protocol/leaf.ts';
import type { Instant } from '../protocol/time.ts';

/** A device that the agent speaks for. */
export interface Covered {
  readonly subject: Uint8Array;
  readonly device: Uint8Array;
}

interface Span {
  readonly from: Instant;
  readonly to: Instant;
  readonly state: CoverageState;
}

/** Bookkeeping of one device since the last leaf. */
class Track {
  readonly covered: Covered;
  #from: Instant;
  #linked = false;
  #noticed = false;
  #received = false;
  #paused = false;
  #spans: Span[] = [];

  constructor(covered: Covered, from: Instant) {
    this.covered = covered;
    this.#from = from;
  }

  received(): void {
    this.#received = true;
  }

  noticed(): void {
    this.#noticed = true;
  }

  setLinked(linked: boolean, at: Instant): void {
    if (linked !== this.#linked) this.#cut(at);
    this.#linked = linked;
  }

  setPaused(paused: boolean, at: Instant): void {
    if (paused !== this.#paused) this.#cut(at);
    this.#paused = paused;
  }

  take(at: Instant): Span[] {
    this.#cut(at);
    const spans = this.#spans;
    this.#spans = [];
    return spans;
  }

  /** Ends the running span. A clock that was set back leaves no span behind. */
  #cut(at: Instant): void {
    if (at > this.#from) this.#add({ from: this.#from, to: at, state: this.#state() });
    this.#from = at;
    this.#noticed = false;
    this.#received = false;
  }

  #state(): CoverageState {
    if (this.#paused) return 'paused';
    if (this.#received) return 'received';
    return this.#linked || this.#noticed ? 'silent' : 'out-of-range';
  }

  #add(span: Span): void {
    const last = this.#spans.at(-1);
    if (last?.state === span.state && last.to === span.from) {
      this.#spans[this.#spans.length - 1] = { ...last, to: span.to };
    } else {
      this.#spans.push(span);
    }
  }
}

/** What the radio says of a link. */
export type LinkState = 'heard' | 'connecting' | 'connected' | 'subscribed' | 'lost';

export class Coverage {
  readonly #tracks: Map<string, Track>;
  readonly #test: boolean;
  /** What is still to be said of devices that were taken away. */
  #ended: CoverageLeaf[] = [];

  /** `devices` by address; `from` is when the agent began to listen. */
  constructor(devices: ReadonlyMap<string, Covered>, options: { readonly from: Instant; readonly test: boolean }) {
    this.#test = options.test;
    this.#tracks = new Map([...devices].map(([address, covered]) => [address, new Track(covered, options.from)]));
  }

  /** Speaks for a device from now on. */
  add(address: string, covered: Covered, from: Instant): void {
    this.#tracks.set(address, new Track(covered, from));
  }

  /** Speaks for it no more; what is known up to now is said with the next leaves. */
  remove(address: string, at: Instant): void {
    const track = this.#tracks.get(address);
    this.#tracks.delete(address);
    if (track) this.#ended.push(...this.#leaves(track, at));
  }

  /** Devices that are spoken for. */
  get size(): number {
    return this.#tracks.size;
  }

  /** A value came from the device. */
  received(address: string): void {
    this.#tracks.get(address)?.received();
  }

  linkChanged(address: string, state: LinkState, at: Instant): void {
    const track = this.#tracks.get(address);
    switch (state) {
      case 'heard':
        track?.noticed();
        return;
      case 'connecting':
        return; // an attempt is no sign of the device
      case 'connected':
      case 'subscribed':
        track?.setLinked(true, at);
        return;
      case 'lost':
        track?.setLinked(false, at);
        return;
    }
  }

  /** Consent to collect was given or withdrawn. */
  setPaused(address: string, paused: boolean, at: Instant): void {
    this.#tracks.get(address)?.setPaused(paused, at);
  }

  /** Leaves for everything up to `at`, each interval once. */
  take(at: Instant): CoverageLeaf[] {
    const ended = this.#ended;
    this.#ended = [];
    return [...ended, ...[...this.#tracks.values()].flatMap((track) => this.#leaves(track, at))];
  }

  /** Leaves that say that the agent itself was off. */
  agentOff(from: Instant, to: Instant): CoverageLeaf[] {
    if (to <= from) return [];
    return [...this.#tracks.values()].map(({ covered }) => this.#leaf(covered, 'agent-off', from, to));
  }

  #leaves(track: Track, at: Instant): CoverageLeaf[] {
    return track.take(at).map((span) => this.#leaf(track.covered, span.state, span.from, span.to));
  }

  #leaf({ subject, device }: Covered, state: CoverageState, from: Instant, to: Instant): CoverageLeaf {
    return { kind: 'coverage', subject, device, from, to, state, test: this.#test };
  }
}
