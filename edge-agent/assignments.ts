/**
 * Which wearables this agent speaks for, and whose they are: those of the enrolment, changed by what patients asked for
 * since. Durable, because an agent that restarts offline must not forget that a device was taken away from it; encrypted,
 * because it says whose devices are whose.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { AgentAction } from '../protocol/agent-action.ts';
import { type AddressType, addressFromBytes, addressToBytes } from '../protocol/bluetooth-address.ts';
import { concatBytes, encodeUtf8, equalBytes } from '../protocol/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../protocol/cbor.ts';
import { Fault } from '../protocol/fault.ts';
import { deviceHandle } from '../protocol/keys.ts';
import type { AssignedDevice, DeviceUser } from './observe.ts';

type Assign = Extract<AgentAction, { type: 'assign' }>;
type Claim = Extract<AgentAction, { type: 'claim' }>;

/** What changed with a command. */
export interface AssignmentChanges {
  readonly added: readonly AssignedDevice[];
  readonly removed: readonly AssignedDevice[];
}

/** What patients said of one device since the enrolment; a device without is assigned as the enrolment says. */
interface Row {
  readonly addressType: AddressType;
  /** Absent: taken away. */
  readonly subject?: Uint8Array;
  readonly users: ReadonlyMap<number, Uint8Array>;
}

/** Most devices of which something is remembered; an agent that is asked for more is asked too much. */
const MAX_ROWS = 1000;

export class Assignments {
  /** By address in lower case; changes as devices come and go. */
  readonly devices: ReadonlyMap<string, AssignedDevice>;
  readonly #db: DatabaseSync;
  readonly #key: Uint8Array;
  #enrolled: ReadonlyMap<string, AssignedDevice>;
  readonly #live = new Map<string, AssignedDevice>();

  /** `storageKey`: 32 octets. Throws `encrypted` or `malformed` when what is kept is another key's or broken. */
  constructor(db: DatabaseSync, storageKey: Uint8Array, enrolled: ReadonlyMap<string, AssignedDevice>) {
    this.#db = db;
    this.#key = new Uint8Array(hkdfSync('sha256', storageKey, new Uint8Array(0), 'veravita/v1/assignments', 32));
    this.#enrolled = enrolled;
    this.devices = this.#live;
    this.refresh();
  }

  /**
   * Writes an assignment; the caller holds the transaction and calls {@link refresh} once it is durable. False when the
   * device is another patient's: nobody takes a device away from somebody else.
   */
  assign({ address, addressType, subject }: Assign): boolean {
    const current = this.#current(address);
    if (current && !equalBytes(current.subject, subject)) return false;
    this.#put(address, { addressType, subject, users: usersOf(current) });
    return true;
  }

  /** Takes a device away, by its handle in its patient's leaves, with all its users; or one user's part of it. */
  unassign(device: Uint8Array): void {
    for (const assigned of this.#merge(this.#load()).values()) {
      const { address, addressType, subject, users = new Map<number, DeviceUser>() } = assigned;
      if (equalBytes(assigned.device, device)) {
        this.#put(address, { addressType, users: new Map() });
      } else if ([...users.values()].some((user) => equalBytes(user.device, device))) {
        const others = [...users].filter(([, user]) => !equalBytes(user.device, device));
        this.#put(address, { addressType, subject, users: new Map(others.map(([i, user]) => [i, user.subject])) });
      }
    }
  }

  /**
   * Takes every device and user of some subjects away and remembers nothing of them; the answer is the addresses of the
   * devices. The caller holds the transaction and calls {@link refresh} once it is durable.
   */
  forget(isTheirs: (subject: Uint8Array) => boolean): string[] {
    const rows = this.#load();
    const gone = [...this.#merge(rows)].flatMap(([address, { subject }]) => (isTheirs(subject) ? [address] : []));
    const enrolled = [...this.#enrolled].filter(([, { subject }]) => !isTheirs(subject));
    const left = [...this.#enrolled.keys()].filter((address) => !enrolled.some(([one]) => one === address));
    this.#enrolled = new Map(enrolled);
    for (const address of [...gone, ...left]) {
      const subject = rows.get(address)?.subject;
      if (!subject || isTheirs(subject)) rows.delete(address);
    }
    for (const [address, row] of rows) {
      rows.set(address, { ...row, users: new Map([...row.users].filter(([, user]) => !isTheirs(user))) });
    }
    this.#save(rows);
    return gone;
  }

  /** What a user of an assigned device measures is this patient's from now on. False where somebody has claimed it. */
  claim({ address, userIndex, subject }: Claim): boolean {
    const current = this.#current(address);
    const claimed = current?.users?.get(userIndex);
    if (!current || (claimed && !equalBytes(claimed.subject, subject))) return false;
    const users = usersOf(current).set(userIndex, subject);
    this.#put(address, { addressType: current.addressType, subject: current.subject, users });
    return true;
  }

  /** Takes over what is in the database; says which devices came and which went. */
  refresh(): AssignmentChanges {
    const before = new Map(this.#live);
    this.#live.clear();
    for (const [address, device] of this.#merge(this.#load())) this.#live.set(address, device);
    const isIn = (others: ReadonlyMap<string, AssignedDevice>) => (one: AssignedDevice) => {
      const other = others.get(one.address);
      return other !== undefined && equalBytes(other.device, one.device);
    };
    const [wasThere, isThere] = [isIn(before), isIn(this.#live)];
    return {
      added: [...this.#live.values()].filter((device) => !wasThere(device)),
      removed: [...before.values()].filter((device) => !isThere(device)),
    };
  }

  #current(address: string): AssignedDevice | undefined {
    return this.#merge(this.#load()).get(address);
  }

  #merge(rows: ReadonlyMap<string, Row>): Map<string, AssignedDevice> {
    const devices = new Map(this.#enrolled);
    for (const [address, { addressType, subject, users }] of rows) {
      if (subject) devices.set(address, deviceOf(address, addressType, subject, users));
      else devices.delete(address);
    }
    return devices;
  }

  #put(address: string, row: Row): void {
    const rows = this.#load().set(address, row);
    if (rows.size > MAX_ROWS) throw new Fault('too-large', `more than ${MAX_ROWS} devices were paired here`);
    this.#save(rows);
  }

  #save(rows: ReadonlyMap<string, Row>): void {
    const sealed = this.#seal(encodeCbor([...rows].map(encodeRow)));
    this.#db.prepare('INSERT OR REPLACE INTO assignments (one, sealed) VALUES (1, ?)').run(sealed);
  }

  #load(): Map<string, Row> {
    const kept = this.#db.prepare('SELECT sealed FROM assignments').get() as { sealed: Uint8Array } | undefined;
    if (!kept) return new Map();
    const rows = decodeCbor(this.#open(kept.sealed), 1_000_000) as readonly (readonly CborValue[])[];
    return new Map(rows.map(decodeRow));
  }

  #seal(plaintext: Uint8Array): Uint8Array {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce, TAG).setAAD(LABEL);
    return concatBytes(nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
  }

  #open(sealed: Uint8Array): Uint8Array {
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#key, sealed.subarray(0, 12), TAG).setAAD(LABEL);
      decipher.setAuthTag(sealed.subarray(-16));
      return concatBytes(decipher.update(sealed.subarray(12, -16)), decipher.final());
    } catch {
      throw new Fault('encrypted', 'the assignments are of another key or broken');
    }
  }
}

const LABEL = encodeUtf8('assignments');
// Node accepts shorter tags unless told.
const TAG = { authTagLength: 16 } as const;

function encodeRow([address, { addressType, subject, users }]: [string, Row]): CborValue {
  return [addressToBytes(address), addressType === 'random', subject ?? null, [...users].map(([i, user]) => [i, user])];
}

/** We wrote it, and it is authenticated. */
function decodeRow(row: readonly CborValue[]): [string, Row] {
  const [octets, isRandom, subject, users] = row as [Uint8Array, boolean, Uint8Array | null, [number, Uint8Array][]];
  const addressType = isRandom ? 'random' : 'public';
  return [addressFromBytes(octets), { addressType, ...(subject && { subject }), users: new Map(users) }];
}

function usersOf(device: AssignedDevice | undefined): Map<number, Uint8Array> {
  return new Map([...(device?.users ?? [])].map(([index, { subject }]) => [index, subject]));
}

function deviceOf(
  address: string,
  addressType: AddressType,
  subject: Uint8Array,
  users: ReadonlyMap<number, Uint8Array>,
): AssignedDevice {
  const handleOf = (whose: Uint8Array): DeviceUser => ({
    subject: whose,
    device: deviceHandle(whose, addressType, address),
  });
  const mapped = new Map([...users].map(([index, user]) => [index, handleOf(user)]));
  return { address, addressType, ...handleOf(subject), ...(mapped.size > 0 && { users: mapped }) };
}
