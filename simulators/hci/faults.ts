/** Applies faults to what is on the air, and takes them back. What each kind does stands in `fault-kinds.ts`. */
import type { Random } from '../random.ts';
import type { Fault, FaultKind } from './fault-kinds.ts';
import {
  attError,
  creditsExhausted,
  dropAtPacket,
  establishmentFailure,
  noAnswer,
  scanSilence,
} from './faults-of-links.ts';
import {
  doubledNotifications,
  type Holding,
  lateNotifications,
  latency,
  lostNotifications,
  malformedValues,
  reorderedNotifications,
} from './faults-of-values.ts';
import { encodeUuid, type Uuid } from './gatt-database.ts';
import type { Interception, PayloadStep } from './interception.ts';
import type { VirtualController } from './virtual-controller.ts';
import { VirtualPeripheral } from './virtual-peripheral.ts';
import type { VirtualTransport } from './virtual-transport.ts';

/** What faults befall. */
export interface FaultTarget {
  readonly controller: VirtualController;
  readonly transport?: Pick<VirtualTransport, 'setPower'>;
  readonly device?: VirtualPeripheral;
}

/** Takes a fault back, once and for all; doing so again does nothing. */
export type Undo = () => void;

/** Octets of an ATT MTU that some devices offer, more than a controller of 251 octets carries in one packet. */
const LARGEST_MTU = 517;
/** Octets of LE packets before the data length extension (Core 5.2 Vol 6 Part B §2.4). */
const SHORT_PACKET = 27;

/**
 * Makes a fault happen. `random` gives what is left to chance, so that the same seed gives the same faults. Throws a
 * RangeError when the fault needs a device or a transport and none is given.
 */
export function applyFault(fault: Fault, on: FaultTarget, random: Random): Undo {
  const undo = apply(fault, on, random);
  let done = false;
  return () => {
    if (done) return;
    done = true;
    undo();
  };
}

function apply(fault: Fault, on: FaultTarget, random: Random): Undo {
  const { controller } = on;
  switch (fault.kind) {
    case 'establishment-failure':
      return hold(on, establishmentFailure(fault));
    case 'drop-at-packet':
      return hold(on, dropAtPacket(fault));
    case 'att-error':
      return hold(on, attError(fault, random));
    case 'no-answer':
      return hold(on, noAnswer(fault, random));
    case 'late-notifications':
      return hold(on, lateNotifications(fault));
    case 'doubled-notifications':
      return hold(on, doubledNotifications(fault, random));
    case 'reordered-notifications':
      return hold(on, reorderedNotifications(fault, random));
    case 'lost-notifications':
      return hold(on, lostNotifications(fault, random));
    case 'malformed-values':
      return hold(on, malformedValues(fault, random));
    case 'latency':
      return hold(on, latency(fault));
    case 'scan-silence':
      return hold(on, scanSilence(fault));
    case 'credits-exhausted':
      return hold(on, creditsExhausted(fault, controller));
    case 'supervision-timeout': {
      const device = need(on, 'device', fault.kind);
      device.leaveRange();
      return () => device.enterRange();
    }
    case 'missing-cccd':
      return withoutConfiguration(need(on, 'device', fault.kind), fault.characteristic);
    case 'mtu': {
      const device = need(on, 'device', fault.kind);
      const before = device.maxMtu;
      device.maxMtu = fault.mtu ?? LARGEST_MTU;
      return () => {
        device.maxMtu = before;
      };
    }
    case 'fragmentation': {
      const before = controller.aclLength;
      controller.aclLength = fault.aclLength ?? SHORT_PACKET;
      return () => {
        controller.aclLength = before;
      };
    }
    case 'lost-keys':
      need(on, 'device', fault.kind).forgetBonds();
      return () => undefined;
    case 'address-rotation':
      return rotate(need(on, 'device', fault.kind));
    case 'adapter-off': {
      const transport = need(on, 'transport', fault.kind);
      transport.setPower(false);
      return () => transport.setPower(true);
    }
    case 'spoofed-twin':
      return spoof(need(on, 'device', fault.kind), controller, fault.address);
  }
}

function need<K extends 'device' | 'transport'>(
  on: FaultTarget,
  what: K,
  kind: FaultKind,
): NonNullable<FaultTarget[K]> {
  const found = on[what];
  if (!found) throw new RangeError(`the fault ${kind} needs a ${what}`);
  return found;
}

/** Takes hold of what passes; of the device alone where one is given. */
function hold({ controller, device }: FaultTarget, { interception, flush }: Holding): Undo {
  const letGo = controller.interceptions.add(device ? onlyOf(device, interception) : interception);
  return () => {
    letGo();
    flush?.();
  };
}

function onlyOf(device: VirtualPeripheral, interception: Interception): Interception {
  const { fromDevice, toDevice, onConnection } = interception;
  const ofDevice = (step: PayloadStep): PayloadStep => {
    return (payload, pass, link) => (payload.peripheral === device ? step(payload, pass, link) : pass(payload));
  };
  return {
    ...interception,
    ...(fromDevice && { fromDevice: ofDevice(fromDevice) }),
    ...(toDevice && { toDevice: ofDevice(toDevice) }),
    ...(onConnection && {
      onConnection: (peripheral: VirtualPeripheral) => (peripheral === device ? onConnection(peripheral) : undefined),
    }),
  };
}

function withoutConfiguration({ database }: VirtualPeripheral, characteristic: Uuid | undefined): Undo {
  const type = characteristic === undefined ? undefined : encodeUuid(characteristic);
  const hidden = database.attributes.filter(({ configures }) => {
    if (configures === undefined) return false;
    return type === undefined || (database.at(configures)?.type.equals(type) ?? false);
  });
  return database.hide(hidden.map(({ handle }) => handle));
}

function rotate(device: VirtualPeripheral): Undo {
  // Now, and not where the link ends.
  if (device.declared.security?.identity !== 'rotates') throw new RangeError('the device does not rotate its address');
  if (!device.connected) {
    device.rotateAddress();
    return () => undefined;
  }
  const later = () => device.rotateAddress();
  device.once('disconnect', later);
  return () => device.off('disconnect', later);
}

function spoof(device: VirtualPeripheral, controller: VirtualController, address: string | undefined): Undo {
  const { declared } = device;
  // It looks the same, and does nothing of what the real one does when it is written to.
  const services = declared.services.map(({ uuid, characteristics }) => ({
    uuid,
    characteristics: characteristics.map(({ onWrite: _, ...characteristic }) => characteristic),
  }));
  const twin = new VirtualPeripheral({ ...declared, services, address: address ?? device.address });
  twin.advertisement = Buffer.from(device.advertisement);
  if (address === undefined) controller.remove(device);
  controller.add(twin);
  return () => {
    controller.remove(twin);
    if (address !== undefined) return;
    controller.add(device);
    device.enterRange();
  };
}
