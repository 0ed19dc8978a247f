/** `npm run audit`: is the record what was measured, and does everything about it hold? */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isFault } from '../protocol/fault.ts';
import { audit } from './audit/auditor.ts';
import { formatReport } from './audit/format-report.ts';
import { formatSelfTest, runSelfTest } from './audit/self-test.ts';
import { AUDIT_HELP, readAuditCommand } from './audit-config.ts';

const EXIT = { clean: 0, wrong: 1, open: 2 } as const;

async function main(): Promise<number> {
  const command = readAuditCommand(process.argv.slice(2));
  const progress = (line: string) => void process.stderr.write(`${line}\n`);
  switch (command.kind) {
    case 'help':
      process.stdout.write(AUDIT_HELP);
      return 0;
    case 'refused':
      for (const problem of command.problems) process.stderr.write(`audit: ${problem}\n`);
      return 2;
    case 'self-test': {
      const result = await runSelfTest(progress);
      process.stdout.write(command.json ? `${JSON.stringify(result)}\n` : formatSelfTest(result));
      return result.isVoid ? 1 : 0;
    }
    case 'audit': {
      const { data } = command.settings;
      if (!existsSync(join(data, 'service', 'record.sqlite'))) throw new Error(`there is no record in ${data}`);
      const report = await audit(command.settings, progress);
      process.stdout.write(command.json ? `${JSON.stringify(report)}\n` : formatReport(report));
      return EXIT[report.verdict];
    }
  }
}

// Children end with the process: the terminal sends Ctrl-C to them, too.
main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`audit: ${isFault(error) || error instanceof Error ? error.message : 'failed'}\n`);
    process.exit(2);
  },
);
