/** Receipts against the record and the log; batches against the log, and in their order. */
import { formatReadingId, NO_BATCH } from '../../protocol/batch.ts';
import { encodeHex, equalBytes } from '../../protocol/bytes.ts';
import { commitmentOf } from '../../protocol/commitment.ts';
import { readConsentEvent } from '../../protocol/consent-event.ts';
import { decimalToNumber, isDecimal } from '../../protocol/decimal.ts';
import { encodeId } from '../../protocol/keys.ts';
import type { AgentState } from './agent-state.ts';
import type { Check } from './check.ts';
import type { AuditedReading, PatientRecord, ProvenReading } from './patient-record.ts';
import type { PublicLog } from './public-log.ts';

type Header = ProvenReading['header'];

/** Every receipt holds, is of the reading that was asked for, and says what FHIR says. */
export function checkReceipts(check: Check, records: readonly PatientRecord[], log: PublicLog | undefined): void {
  for (const record of records) {
    for (const reading of record.readings) {
      check.looked();
      const { id, proven, refused } = reading;
      if (refused === 'missing') check.open(`reading ${id} is in no signed checkpoint yet`);
      else if (!proven) check.wrong(`there is no receipt for reading ${id}: ${refused}`);
      else for (const says of faultsOf(reading, proven, record, log)) check.wrong(`reading ${id}: ${says}`);
    }
  }
}

function faultsOf(
  { id, observation }: AuditedReading,
  { verdict, header, index, logIndex }: ProvenReading,
  record: PatientRecord,
  log: PublicLog | undefined,
): string[] {
  const found: string[] = [];
  const broken = verdict.steps.find(({ result }) => result !== 'holds');
  if (broken) found.push(`step ${broken.step} of its receipt does not hold`);
  if (formatReadingId(encodeId(header.id), index) !== id) found.push('its receipt is of another reading');
  const leaf = verdict.reading;
  if (!leaf) return found;
  if (!equalBytes(leaf.subject, record.subject)) found.push("it is another patient's, and stands in this one's record");
  if (observation.subject.reference !== `Patient/${record.id}`) found.push('FHIR gives it to another patient');
  const isAsSigned = ['final', 'preliminary'].includes(observation.status);
  const { effectiveDateTime: at, valueQuantity: quantity } = observation;
  if (isAsSigned && at !== undefined && Math.abs(Date.parse(at) - leaf.measuredAt) >= 1000)
    found.push('FHIR gives it another time');
  const isComparable = quantity && leaf.value !== undefined && isDecimal(leaf.value) && quantity.code === leaf.unit;
  if (isAsSigned && isComparable && quantity.value !== decimalToNumber(leaf.value))
    found.push('FHIR gives it another value');
  if (log && !placesOf(log, 'batch', header.id).includes(logIndex))
    found.push('its batch is not where the receipt says');
  return found;
}

/** Every batch, and every consent event, is one entry of the log. */
export function checkAnchors(
  check: Check,
  records: readonly PatientRecord[],
  agents: readonly AgentState[],
  log: PublicLog | undefined,
): void {
  if (!log) {
    check.open('without a log nothing can be anchored');
    return;
  }
  for (const [, places] of log.indexesOf) {
    check.looked();
    if (places.length > 1) check.wrong(`entries ${places.join(' and ')} of the log are the same`);
  }
  const batches = new Map<string, Uint8Array>();
  for (const { header } of headersOf(records).values()) {
    batches.set(encodeHex(header.id), header.id);
    if (!equalBytes(header.header.previous, NO_BATCH)) {
      batches.set(encodeHex(header.header.previous), header.header.previous);
    }
  }
  for (const id of agents.flatMap(({ held }) => held)) batches.set(encodeHex(id), id);
  for (const id of batches.values()) {
    if (placesOf(log, 'batch', id).length === 0) check.wrong(`batch ${encodeId(id)} is not in the log`);
  }
  for (const { events } of records) {
    for (const [i, signed] of events.entries()) {
      const { id } = readConsentEvent(signed);
      if (placesOf(log, 'consent', id).length === 0)
        check.wrong(`consent event ${i + 1} of a patient is not in the log`);
    }
  }
}

/** An agent's batches follow one another, in the log too, and no sequence has two. */
export function checkOrder(check: Check, records: readonly PatientRecord[], log: PublicLog | undefined): void {
  const byAgent = Map.groupBy(headersOf(records).values(), ({ header }) => encodeHex(header.header.agent));
  for (const headers of byAgent.values()) {
    const ordered = headers.toSorted((a, b) => a.header.header.sequence - b.header.header.sequence);
    for (const [i, { header }] of ordered.entries()) {
      check.looked();
      const before = ordered[i - 1]?.header;
      if (before) for (const says of faultsBetween(before, header, log)) check.wrong(says);
      if (log && !equalBytes(header.header.previous, NO_BATCH)) {
        const [mine, previous] = [
          placesOf(log, 'batch', header.id)[0],
          placesOf(log, 'batch', header.header.previous)[0],
        ];
        if (mine !== undefined && previous !== undefined && previous >= mine) {
          check.wrong(`batch ${encodeId(header.id)} stands in the log before the one that it follows`);
        }
      }
    }
  }
}

function faultsBetween(before: Header, after: Header, log: PublicLog | undefined): string[] {
  const name = encodeId(after.id);
  const step = after.header.sequence - before.header.sequence;
  if (step === 0) return [`batch ${name} has the sequence of another one`];
  if (step === 1 && !equalBytes(after.header.previous, before.id)) return [`batch ${name} follows another history`];
  const [mine, previous] = log ? [placesOf(log, 'batch', after.id)[0], placesOf(log, 'batch', before.id)[0]] : [];
  return mine !== undefined && previous !== undefined && previous >= mine
    ? [`batch ${name} stands in the log before an earlier one`]
    : [];
}

/** The header of each batch of which there is a receipt, by id. */
export function headersOf(records: readonly PatientRecord[]): Map<string, { readonly header: Header }> {
  const headers = new Map<string, { header: Header }>();
  for (const { readings } of records) {
    for (const { proven } of readings) if (proven) headers.set(encodeHex(proven.header.id), { header: proven.header });
  }
  return headers;
}

export function placesOf(log: PublicLog, domain: 'batch' | 'consent', id: Uint8Array): readonly number[] {
  return log.indexesOf.get(encodeHex(commitmentOf(domain, id))) ?? [];
}
