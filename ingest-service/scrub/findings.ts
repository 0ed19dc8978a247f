/** What a scrub finds: where, and what is not as it was written. Rows by id or number, never by what is in them. */
export interface Finding {
  /** File below the data directory. */
  readonly file: string;
  readonly says: string;
}

export class Findings {
  readonly found: Finding[] = [];
  looked = 0;

  add(file: string, says: string): void {
    this.found.push({ file, says });
  }

  /** Notes when `holds` is false, or throws. */
  check(file: string, says: string, holds: () => boolean): void {
    this.looked++;
    try {
      if (!holds()) this.add(file, says);
    } catch {
      this.add(file, says);
    }
  }
}
