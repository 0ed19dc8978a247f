/** Scales with users, and scales that only advertise. Cited in protocol/devices/user-scales.ts and xiaomi-scales.ts. */
import type { Decimal } from '../../../protocol/decimal.ts';
import { wallClockToDateTime } from '../../../protocol/gatt/date-time.ts';
import type { WallClock } from '../../../protocol/time.ts';
import type { ServiceDeclaration } from '../../hci/gatt-database.ts';
import { MiCompositionScale } from '../broadcasters.ts';
import { createScale, type Scale } from '../scale.ts';
import type { FamilyIdentity } from './identity.ts';

/** Beurer BF, Sanitas SBF or Soehnle: mute before a user consents. */
export function createUserScale(identity: FamilyIdentity): Scale {
  return createScale({ name: 'BF720 HTEST', composition: true, userData: {}, ...identity });
}

/**
 * Where makers keep a list of users of their own [OS]. `sbf72`: Sanitas SBF72 and Beurer BF720, which show the code of a
 * user when they are asked there. `bf600`: Beurer BF600; what it has at FFF1 is not known, and stands here because other
 * devices have their clock there.
 */
const USER_LISTS = {
  sbf72: { name: 'SANITAS SBF72 HTEST', service: 0xffff, characteristics: [0x0001] },
  bf600: { name: 'Beurer BF600 HTEST', service: 0xfff0, characteristics: [0xfff2, 0xfff1] },
} as const;

/** Application error (ATT, Core 5.2 Vol 3 Part F §3.4.1.1). */
const LIST_REFUSED = 0x80;
/** ATT requests and commands that name one handle: read, read blob, write, prepare write, write command. */
const NAMES_HANDLE: readonly number[] = [0x0a, 0x0c, 0x12, 0x16, 0x52];

export interface ListedUsersScale {
  readonly scale: Scale;
  /** Everything that somebody asked of the list, as ATT requests. */
  readonly listAsked: readonly Uint8Array[];
}

/** A user scale with its maker's list beside the standard, which answers whoever asks with an error, or not at all. */
export function createListedUsersScale({
  model,
  answers,
  ...identity
}: FamilyIdentity & {
  readonly model: keyof typeof USER_LISTS;
  readonly answers: 'error' | 'nothing';
}): ListedUsersScale {
  const { name, service, characteristics } = USER_LISTS[model];
  const vendor: ServiceDeclaration = {
    uuid: service,
    characteristics: characteristics.map((uuid) => ({ uuid, properties: ['read', 'write', 'notify'] })),
  };
  const scale = createScale({ name, composition: true, userData: {}, vendor, ...identity });
  // A value, and the configuration that follows it.
  const handles = characteristics.flatMap((uuid) => [scale.database.handleOf(uuid), scale.database.handleOf(uuid) + 1]);
  const listAsked: Uint8Array[] = [];
  scale.misbehave = (request) => {
    const [opcode = 0, low = 0, high = 0] = request;
    if (!NAMES_HANDLE.includes(opcode) || !handles.includes(low | (high << 8))) return undefined;
    listAsked.push(request);
    return answers === 'error' ? { error: LIST_REFUSED } : 'silence';
  };
  return { scale, listAsked };
}

/** Mi Body Composition Scale: its maker's octets under the UUID of a standard service, in advertisements. */
export class MiBodyScale extends MiCompositionScale {
  /** Somebody stands on it; the number blinks until it is settled. Throws `range`. */
  stepOn(weight: Decimal, at: WallClock, stabilized = true): void {
    const timestamp = wallClockToDateTime(at);
    this.show({ weight, unit: 'kg', timestamp, stabilized, removed: false, impedance: null });
  }
}

export function createMiScale(identity: FamilyIdentity): MiBodyScale {
  return new MiBodyScale({ name: 'MIBFS HTEST', ...identity });
}

/** Indie Health scale: goes on advertising when everything is sent. */
export function createIndieScale(identity: FamilyIdentity): Scale {
  return createScale({ name: 'IH-51-HTEST', ...identity });
}
