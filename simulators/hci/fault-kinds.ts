/**
 * The faults that a scenario can name: plain data, applied by `applyFault` (`faults.ts`) and undone by what that gives.
 * Each acts at the level where it happens in the field. None has a timer: they are driven by calls and by counts of
 * packets, and what is left to chance comes from the random numbers of the one who applies them.
 *
 * What acts on `device` acts on all devices of the controller when none is given, except where it says that it needs one.
 */

/** Which ATT requests of the host, all by default. Unset parts match everything. */
export interface RequestFilter {
  /** ATT opcode, such as 0x0a (read) or 0x12 (write). */
  readonly opcode?: number;
  /** Attribute handle that the request begins with. */
  readonly handle?: number;
  /** 0..1 for each request that matches; 1 by default. */
  readonly probability?: number;
  /** How many requests are struck; no end by default. */
  readonly times?: number;
}

/** How likely one value is struck, 0..1; 1 by default. */
interface Chance {
  readonly probability?: number;
}

export type Fault =
  /** Connection Complete with success, then Disconnection Complete 0x3e before any data; `times` links, 1 by default. */
  | { readonly kind: 'establishment-failure'; readonly times?: number }
  /** Out of range until undone: the link ends with 0x08, and nothing is heard. Needs a device. */
  | { readonly kind: 'supervision-timeout' }
  /**
   * The link ends at its packet number `packet` (from 1; ATT, SMP and signaling in either direction count, and that packet
   * is lost), with an HCI reason, 0x08 by default; on `times` links, 1 by default.
   */
  | { readonly kind: 'drop-at-packet'; readonly packet: number; readonly reason?: number; readonly times?: number }
  /** Requests are refused with an ATT error code. */
  | ({ readonly kind: 'att-error'; readonly code: number } & RequestFilter)
  /** Requests are never answered; writes do not take effect. */
  | ({ readonly kind: 'no-answer' } & RequestFilter)
  /** The Client Characteristic Configuration of a characteristic is gone, or all are. Needs a device. */
  | { readonly kind: 'missing-cccd'; readonly characteristic?: number | string }
  /** Each notification comes after `by` later ones, 1 by default; what is held is sent when the fault is undone. */
  | { readonly kind: 'late-notifications'; readonly by?: number }
  /** Notifications come twice in a row. */
  | ({ readonly kind: 'doubled-notifications' } & Chance)
  /** A notification changes places with the next one. */
  | ({ readonly kind: 'reordered-notifications' } & Chance)
  /** Notifications are lost; the device takes them for sent. */
  | ({ readonly kind: 'lost-notifications' } & Chance)
  /** The device offers this MTU on its next links, 517 by default. Needs a device. */
  | { readonly kind: 'mtu'; readonly mtu?: number }
  /** Packets to the host are cut to this many octets, 27 by default; the host learns of it at its next reset. */
  | { readonly kind: 'fragmentation'; readonly aclLength?: number }
  /** Notified, indicated and, with `reads`, read values: cut short, with octets behind, or random ones of that length. */
  | ({
      readonly kind: 'malformed-values';
      readonly how: 'truncated' | 'trailing' | 'random';
      readonly reads?: boolean;
    } & Chance)
  /** The device has lost its bonds; they do not come back. Needs a device. */
  | { readonly kind: 'lost-keys' }
  /** The device takes a new private address, when its link ends if it has one; it keeps it. Needs a device. */
  | { readonly kind: 'address-rotation' }
  /** The adapter is without power until undone. Needs a transport. */
  | { readonly kind: 'adapter-off' }
  /**
   * The controller stops reporting advertisements, after `afterReports` more, 0 by default; until the host starts its scan
   * anew, or, with `evenRestarted`, until undone.
   */
  | { readonly kind: 'scan-silence'; readonly afterReports?: number; readonly evenRestarted?: boolean }
  /**
   * Another device with the same name, services and advertisement, which has none of the bonds: beside the real one at an
   * address of its own, or, where no address is given, at the same one while the real one is away. Needs a device.
   */
  | { readonly kind: 'spoofed-twin'; readonly address?: string }
  /** Each packet of a device comes `turns` turns of the event loop late, in order. */
  | { readonly kind: 'latency'; readonly turns: number }
  /**
   * The controller completes no packets, so the host soon has no credits; until `packets` were withheld, which are then
   * completed together, or until undone.
   */
  | { readonly kind: 'credits-exhausted'; readonly packets?: number };

export type FaultKind = Fault['kind'];

/** None can be forgotten here. */
const KINDS: Readonly<Record<FaultKind, true>> = {
  'establishment-failure': true,
  'supervision-timeout': true,
  'drop-at-packet': true,
  'att-error': true,
  'no-answer': true,
  'missing-cccd': true,
  'late-notifications': true,
  'doubled-notifications': true,
  'reordered-notifications': true,
  'lost-notifications': true,
  mtu: true,
  fragmentation: true,
  'malformed-values': true,
  'lost-keys': true,
  'address-rotation': true,
  'adapter-off': true,
  'scan-silence': true,
  'spoofed-twin': true,
  latency: true,
  'credits-exhausted': true,
};

/** All kinds, for scenarios that are read from files. */
export const FAULT_KINDS = Object.keys(KINDS) as readonly FaultKind[];
