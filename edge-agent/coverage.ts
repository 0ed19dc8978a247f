/**
 * What can be said of every assigned device at every instant, also when it said nothing: the agent attests it, so that a
 * gap has a cause. Instants are of the transport's clock. Pure bookkeeping; the caller makes it durable.
 *
 * An interval is *received* when at least one value came in it, *silent* when the device was linked or heard without a
 * value, *no-link* when it was heard and waited for a link, *device-off* when it was neither and its battery had been
 * empty, *out-of-range* when nothing is known of it, *paused* while its patient does not consent to collect, and
 * *buffer-overflow* while the agent takes no readings for want of room.
 */
import { equalBytes } from '../protocol/bytes.ts';
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

/** Percent of charge at or below which a device that falls silent is taken to be off. */
export const FLAT_PERCENT = 5;

/** Bookkeeping of one device since the last leaf. */
class Track {
  readonly covered: Covered;
  #from: Instant;
  #linked = false;
  #noticed = false;
  #received = false;
  #paused = false;
  #waiting = false;
  #overflow = false;
  #battery: number | undefined;
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

  setWaiting(waiting: boolean, at: Instant): void {
    if (waiting !== this.#waiting) this.#cut(at);
    this.#waiting = waiting;
  }

  setOverflow(overflow: boolean, at: Instant): void {
    if (overflow !== this.#overflow) this.#cut(at);
    this.#overflow = overflow;
  }

  set battery(percent: number) {
    this.#battery = percent;
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
    if (this.#overflow) return 'buffer-overflow';
    if (this.#received) return 'received';
    if (this.#waiting) return 'no-link';
    if (this.#linked || this.#noticed) return 'silent';
    return this.#battery !== undefined && this.#battery <= FLAT_PERCENT ? 'device-off' : 'out-of-range';
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

/** Where an earlier run ended, transport's clock. */
export interface Ended {
  /** Up to here there are coverage leaves. */
  readonly coveredAt: Instant;
  /** Something was made durable then. */
  readonly aliveAt: Instant;
}

/** What the radio says of a link. */
export type LinkState = 'heard' | 'waiting' | 'connecting' | 'connected' | 'subscribed' | 'lost';

export class Coverage {
  readonly #tracks: Map<string, Track>;
  readonly #test: boolean;
  /** What is still to be said: of devices that were taken away, and what could not be written down. */
  #ended: CoverageLeaf[] = [];
  #overflow = false;

  /** `devices` by address; `from` is when the agent began to listen. */
  constructor(devices: ReadonlyMap<string, Covered>, options: { readonly from: Instant; readonly test: boolean }) {
    this.#test = options.test;
    this.#tracks = new Map([...devices].map(([address, covered]) => [address, new Track(covered, options.from)]));
  }

  /** Speaks for a device from now on. */
  add(address: string, covered: Covered, from: Instant): void {
    const track = new Track(covered, from);
    track.setOverflow(this.#overflow, from);
    this.#tracks.set(address, track);
  }

  /** Speaks for it no more; what is known up to now is said with the next leaves. */
  remove(address: string, at: Instant): void {
    const track = this.#tracks.get(address);
    this.#tracks.delete(address);
    if (track) this.#ended.push(...this.#leaves(track, at), this.#leaf(track.covered, 'unpaired', at, at));
  }

  /** Devices that are spoken for. */
  get size(): number {
    return this.#tracks.size;
  }

  /** A value came from the device. */
  received(address: string): void {
    this.#tracks.get(address)?.received();
  }

  /** The device's own word on its battery, percent. */
  batterySaid(address: string, percent: number): void {
    const track = this.#tracks.get(address);
    if (track) track.battery = percent;
  }

  /** The agent takes no readings any more, or takes them again. */
  setOverflow(overflow: boolean, at: Instant): void {
    this.#overflow = overflow;
    for (const track of this.#tracks.values()) track.setOverflow(overflow, at);
  }

  linkChanged(address: string, state: LinkState, at: Instant): void {
    const track = this.#tracks.get(address);
    track?.setWaiting(state === 'waiting', at);
    switch (state) {
      case 'heard':
      case 'waiting':
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

  /** Leaves of {@link take} that could not be made durable: they are said again, joined where they are one interval. */
  restore(leaves: readonly CoverageLeaf[]): void {
    const kept: CoverageLeaf[] = [];
    for (const leaf of [...leaves, ...this.#ended]) {
      const isBefore = (one: CoverageLeaf) =>
        one.state === leaf.state && one.to === leaf.from && equalBytes(one.device, leaf.device);
      const before = kept.findLastIndex(isBefore);
      if (before < 0) kept.push(leaf);
      else kept[before] = { ...kept[before]!, to: leaf.to };
    }
    this.#ended = kept;
  }

  /**
   * Leaves for the time from the last that was attested to this start. An agent that was killed between two leaves was
   * alive for a while longer: then a device was *received* if a value of it is durable, and of others nobody knows.
   */
  agentOff({ coveredAt, aliveAt }: Ended, to: Instant, heard: (covered: Covered) => boolean): CoverageLeaf[] {
    return [...this.#tracks.values()].flatMap(({ covered }) => {
      const off = heard(covered) ? Math.min(Math.max(aliveAt, coveredAt), to) : coveredAt;
      return [
        ...(off > coveredAt ? [this.#leaf(covered, 'received', coveredAt, off)] : []),
        ...(to > off ? [this.#leaf(covered, 'agent-off', off, to)] : []),
      ];
    });
  }

  #leaves(track: Track, at: Instant): CoverageLeaf[] {
    return track.take(at).map((span) => this.#leaf(track.covered, span.state, span.from, span.to));
  }

  #leaf({ subject, device }: Covered, state: CoverageState, from: Instant, to: Instant): CoverageLeaf {
    return { kind: 'coverage', subject, device, from, to, state, test: this.#test };
  }
}
