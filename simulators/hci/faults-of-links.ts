/** Faults of links, requests, and the controller. */
import type { Random } from '../random.ts';
import { COMMAND_FLAG, CONFIRMATION, ERROR } from './att-codes.ts';
import type { Fault, RequestFilter } from './fault-kinds.ts';
import type { Holding } from './faults-of-values.ts';
import {
  CID_ATT,
  COMMAND,
  EVENT,
  EVT_LE_META,
  EVT_NUMBER_OF_COMPLETED_PACKETS,
  LE_ADVERTISING_REPORT,
  STATUS_ESTABLISHMENT_FAILED,
  STATUS_SUPERVISION_TIMEOUT,
  u16,
} from './hci-packets.ts';
import type { LinkEnd, Payload } from './interception.ts';
import type { VirtualController } from './virtual-controller.ts';

type Of<K extends Fault['kind']> = Extract<Fault, { kind: K }>;

export function establishmentFailure({ times = 1 }: Of<'establishment-failure'>): Holding {
  let left = times;
  return { interception: { onConnection: () => (left-- > 0 ? STATUS_ESTABLISHMENT_FAILED : undefined) } };
}

export function dropAtPacket(fault: Of<'drop-at-packet'>): Holding {
  const { packet, reason = STATUS_SUPERVISION_TIMEOUT, times = 1 } = fault;
  const seen = new WeakMap<LinkEnd, number>();
  let left = times;
  const count = (payload: Payload, pass: (payload: Payload) => void, link: LinkEnd) => {
    const number = (seen.get(link) ?? 0) + 1;
    seen.set(link, number);
    if (number !== packet || left <= 0) {
      pass(payload);
      return;
    }
    left--;
    payload.delivered?.(false);
    link.drop(reason);
  };
  return { interception: { fromDevice: count, toDevice: count } };
}

/** Whether a payload of the host is a request that this filter strikes; confirmations never are. */
function strikes(filter: RequestFilter, random: Random): (payload: Payload) => boolean {
  const { opcode, handle, probability = 1 } = filter;
  let left = filter.times ?? Number.POSITIVE_INFINITY;
  return ({ cid, octets }) => {
    if (cid !== CID_ATT || octets.length === 0 || octets[0] === CONFIRMATION) return false;
    if (opcode !== undefined && octets[0] !== opcode) return false;
    if (handle !== undefined && (octets.length < 3 || octets.readUInt16LE(1) !== handle)) return false;
    if (left <= 0 || random() >= probability) return false;
    left--;
    return true;
  };
}

export function attError(fault: Of<'att-error'>, random: Random): Holding {
  const struck = strikes(fault, random);
  return {
    interception: {
      toDevice(payload, pass, link) {
        if (!struck(payload)) {
          pass(payload);
          return;
        }
        const { octets } = payload;
        const opcode = octets[0] ?? 0;
        // A command is refused without a word (Core 5.2 Vol 3 Part F §3.3.1).
        if ((opcode & COMMAND_FLAG) !== 0) return;
        const handle = octets.length >= 3 ? octets.readUInt16LE(1) : 0;
        link.send(CID_ATT, Buffer.concat([Buffer.from([ERROR, opcode]), u16(handle), Buffer.from([fault.code])]));
      },
    },
  };
}

export function noAnswer(fault: Of<'no-answer'>, random: Random): Holding {
  const struck = strikes(fault, random);
  return {
    interception: {
      toDevice(payload, pass) {
        if (!struck(payload)) pass(payload);
      },
    },
  };
}

const LE_SET_SCAN_ENABLE = 0x200c;

export function scanSilence({ afterReports = 0, evenRestarted = false }: Of<'scan-silence'>): Holding {
  let left = afterReports;
  let over = false;
  return {
    interception: {
      fromHost(packet, pass) {
        const isScan = packet[0] === COMMAND && packet.length >= 5 && packet.readUInt16LE(1) === LE_SET_SCAN_ENABLE;
        // It has to be silent before it can be woken.
        if (isScan && packet[4] === 1 && left <= 0 && !evenRestarted) over = true;
        pass(packet);
      },
      toHost(packet, pass) {
        const isReport = packet[0] === EVENT && packet[1] === EVT_LE_META && packet[3] === LE_ADVERTISING_REPORT;
        if (over || !isReport || left-- > 0) pass(packet);
      },
    },
  };
}

export function creditsExhausted({ packets }: Of<'credits-exhausted'>, controller: VirtualController): Holding {
  let withheld: { handle: number; complete: () => void }[] = [];
  let over = false;
  const complete = () => {
    over = true;
    // Those of a link that has ended count as completed (Core 5.2 Vol 4 Part E §4.3).
    for (const { handle, complete } of withheld) if (controller.link(handle)) complete();
    withheld = [];
  };
  return {
    interception: {
      toHost(packet, pass) {
        const isCompleted = packet[0] === EVENT && packet[1] === EVT_NUMBER_OF_COMPLETED_PACKETS && packet.length >= 8;
        if (over || !isCompleted) {
          pass(packet);
          return;
        }
        withheld.push({ handle: packet.readUInt16LE(4), complete: () => pass(packet) });
        if (packets !== undefined && withheld.length >= packets) complete();
      },
    },
    flush: complete,
  };
}
