/** Settings of `npm run audit`. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { AuditSettings } from './audit/auditor.ts';

export const AUDIT_HELP = `Usage: npm run audit -- --data DIR [options]
       npm run audit -- --self-test

Reconciles what was measured with agents, record, log and consent, and says what is wrong. It reads the record through
its public API with the patients' keys, so the patients' lists say that it did. It shares no decision with the services.

  --data DIR      data directory; a service is started over it for as long as the audit takes
  --service URL   a service that runs on that directory already
  --truth FILE    what was measured: the log of a simulator (--truth of npm run simulate), or the recording (.csv) that
                  was replayed under its own name
  --zone Z        zone of a recording's times (default UTC)
  --key FILE      key file of a patient; several; without any, all in DIR/keys/patients
  --agent DIR     state folder of an agent, beside those in DIR/agents; several
  --log PATH      a file or folder in which nothing personal may be, beside DIR; several
  --json          one JSON object on standard output
  --self-test     plants ten defects in a copy of a small record, one after the other, and finds all of them
  --help          this text

Checks: no loss, no duplicate, nothing invented, anchored once, consent in force, receipts true, order kept,
disclosures complete, nothing personal, log consistent.

Exit code: 0 when nothing is wrong, 1 when something is, 2 when it cannot be told (run the agents on, then audit again)
or the audit could not run. Checkpoints that it saw are kept in DIR/audit: the next audit compares the log with them.
`;

export type AuditCommand =
  | { readonly kind: 'help' }
  | { readonly kind: 'refused'; readonly problems: readonly string[] }
  | { readonly kind: 'self-test'; readonly json: boolean }
  | { readonly kind: 'audit'; readonly settings: AuditSettings; readonly json: boolean };

/** All problems at once, or what to do. */
export function readAuditCommand(argv: readonly string[]): AuditCommand {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(argv);
  } catch (error) {
    return { kind: 'refused', problems: [`${(error as Error).message.split('. ')[0]}; --help tells what there is`] };
  }
  const { data, service, truth, zone = 'UTC', key = [], agent = [], log = [], json = false } = values;
  if (values.help) return { kind: 'help' };
  const problems: string[] = [];
  if (values['self-test']) {
    if (data !== undefined) problems.push('--self-test makes its own data; it goes without --data');
    return problems.length > 0 ? { kind: 'refused', problems } : { kind: 'self-test', json };
  }
  if (data === undefined || data === '') problems.push('--data names the data directory');
  if (service !== undefined && !/^https?:\/\//.test(service)) problems.push('--service is a URL');
  if (problems.length > 0) return { kind: 'refused', problems };
  const settings = {
    data: resolve(data!),
    zone,
    keys: key,
    agents: agent,
    logs: log,
    ...(service !== undefined && { service: service.replace(/\/$/, '') }),
    ...(truth !== undefined && { truth }),
  };
  return { kind: 'audit', settings, json };
}

function parse(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    options: {
      data: { type: 'string' },
      service: { type: 'string' },
      truth: { type: 'string' },
      zone: { type: 'string' },
      key: { type: 'string', multiple: true },
      agent: { type: 'string', multiple: true },
      log: { type: 'string', multiple: true },
      json: { type: 'boolean' },
      'self-test': { type: 'boolean' },
      help: { type: 'boolean' },
    },
  }).values;
}
