/** Newest reading per patient, vital sign and device, and the newest description of each device. */
import type { DatabaseSync } from 'node:sqlite';
import type { Instant } from '../../protocol/time.ts';

export interface LatestReading {
  readonly vital: number;
  readonly device: Uint8Array;
  readonly measuredAt: Instant;
  /** Reading id. */
  readonly reading: string;
}

/** Where the newest device leaf of a device is. */
export interface KnownDevice {
  readonly handle: Uint8Array;
  readonly batch: string;
  readonly leaf: number;
  readonly heardAt: Instant;
}

export type Latest = ReturnType<typeof createLatest>;

export function createLatest(db: DatabaseSync) {
  // Back-filled readings are older and never replace a newer one, so that nothing old looks fresh.
  const upsertInto = (table: 'latest' | 'latest_untimed') =>
    db.prepare(
      `INSERT INTO ${table} (patient, vital, device, measured_at, reading) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET measured_at = excluded.measured_at, reading = excluded.reading
       WHERE excluded.measured_at >= ${table}.measured_at`,
    );
  const [upsertTimed, upsertUntimed] = [upsertInto('latest'), upsertInto('latest_untimed')];
  const forgetReadings = ['latest', 'latest_untimed'].map((table) =>
    db.prepare(`DELETE FROM ${table} WHERE patient = ? AND vital = ? AND device = ?`),
  );
  const upsertDevice = db.prepare(
    `INSERT INTO devices (patient, handle, batch, leaf, heard_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET batch = excluded.batch, leaf = excluded.leaf, heard_at = excluded.heard_at
     WHERE excluded.heard_at >= devices.heard_at`,
  );
  const readings = db.prepare(
    `SELECT * FROM latest WHERE patient = :patient
     UNION ALL SELECT * FROM latest_untimed AS u WHERE patient = :patient AND NOT EXISTS
       (SELECT 1 FROM latest AS l WHERE l.patient = u.patient AND l.vital = u.vital AND l.device = u.device)
     ORDER BY vital, measured_at DESC`,
  );
  const devices = db.prepare('SELECT * FROM devices WHERE patient = ? ORDER BY heard_at DESC');
  const device = db.prepare('SELECT * FROM devices WHERE patient = ? AND handle = ?');

  const asDevice = (row: Record<string, unknown>): KnownDevice => ({
    handle: row.handle as Uint8Array,
    batch: row.batch as string,
    leaf: row.leaf as number,
    heardAt: row.heard_at as number,
  });

  return {
    /** `timeKnown` false: it may be of any age, and never takes the place of one whose time is known. */
    noteReading(patient: string, { vital, device, measuredAt, reading }: LatestReading, timeKnown: boolean): void {
      (timeKnown ? upsertTimed : upsertUntimed).run(patient, vital, device, measuredAt, reading);
    },

    /** Of one vital sign and device, before the newest is worked out anew; the caller holds the transaction. */
    forget(patient: string, vital: number, device: Uint8Array): void {
      for (const statement of forgetReadings) statement.run(patient, vital, device);
    },

    noteDevice(patient: string, { handle, batch, leaf, heardAt }: KnownDevice): void {
      upsertDevice.run(patient, handle, batch, leaf, heardAt);
    },

    readings(patient: string): LatestReading[] {
      return readings.all({ patient }).map((row) => ({
        vital: row.vital as number,
        device: row.device as Uint8Array,
        measuredAt: row.measured_at as number,
        reading: row.reading as string,
      }));
    },

    devices(patient: string): KnownDevice[] {
      return devices.all(patient).map(asDevice);
    },

    device(patient: string, handle: Uint8Array): KnownDevice | undefined {
      const row = device.get(patient, handle);
      return row && asDevice(row);
    },
  };
}
