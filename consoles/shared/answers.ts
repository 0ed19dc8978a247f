/** What the service answers, as JSON. Instants are RFC 3339 text; ids say nothing. */

/** How far a reading is proven now. */
export interface Standing {
  readonly signed: boolean;
  readonly inTree: boolean;
  readonly inLog: boolean;
  /** Anchors outside the log that hold it, of those there are; absent where there are none. */
  readonly anchors?: AnchorCount;
}

export interface AnchorCount {
  readonly held: number;
  readonly of: number;
}

export interface Reading extends Standing {
  readonly id: string;
  /** Name in the vital-sign table. */
  readonly vital: string;
  readonly title: string;
  /** Decimal text or the name of a special value; a blood pressure is `systolic/diastolic`. */
  readonly value: string;
  /** UCUM. */
  readonly unit: string;
  readonly measuredAt: string;
  readonly heardAt: string;
  /** Device handle, hex. */
  readonly device: string;
  readonly flags: readonly string[];
  readonly test: boolean;
  /** It took the place of what was shown before. */
  readonly corrected?: { readonly act: 'amend' | 'withdraw'; readonly reason: string; readonly by: string };
}

export interface ClinicPatient {
  readonly id: string;
  readonly name: string;
  readonly latest: readonly Reading[];
  /** Absent when nothing that may be seen was ever heard. */
  readonly lastContactAt?: string;
}

export interface ClinicList {
  readonly patients: readonly ClinicPatient[];
}

/** A person with an identity of the service; name and occupation where it knows them. */
export interface Person {
  readonly id: string;
  readonly name?: string;
  readonly occupation?: string;
}

export interface Device {
  readonly id: string;
  readonly name?: string;
  readonly manufacturer?: string;
  readonly model?: string;
  readonly serial?: string;
  readonly link?: string;
  readonly heardAt?: string;
}

export interface Grant {
  readonly id: string;
  readonly action: 'collect' | 'disclose';
  readonly classes: readonly string[];
  /** Disclose only. */
  readonly grantee?: Person;
  readonly purposes?: readonly string[];
  /** Collect only: this device; absent means any. */
  readonly device?: string;
  readonly from: string;
  readonly to?: string;
  readonly grantedAt: string;
  readonly revokedAt?: string;
}

export interface Disclosure {
  readonly seq: number;
  readonly at: string;
  readonly kind: string;
  readonly role: string;
  readonly who: Person;
  readonly purpose: string;
  readonly classes: readonly string[];
  readonly count: number;
  /** Denials only. */
  readonly reason?: string;
}

export interface Overview {
  readonly name: string;
  readonly devices: readonly Device[];
  readonly latest: readonly Reading[];
  readonly readings: number;
  readonly grants: readonly Grant[];
  readonly disclosures: readonly Disclosure[];
}

/** Byte strings are base64url. */
export interface Consent {
  readonly subject: string;
  /** The patient's first key. */
  readonly publicKey: string;
  readonly seq: number;
  readonly head: string;
  /** Keys that may sign now. */
  readonly keys: readonly string[];
  readonly grants: readonly Grant[];
  /** The whole chain, signed. */
  readonly events: readonly string[];
  readonly staff: readonly Person[];
}

export type FeedMessage =
  | { readonly type: 'reading'; readonly patient: string; readonly reading: Reading }
  | { readonly type: 'logged'; readonly patient: string; readonly id: string; readonly anchors?: AnchorCount }
  | { readonly type: 'changed' };
