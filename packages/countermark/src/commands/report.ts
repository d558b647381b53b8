import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command } from 'commander'
import { type AdoptionReport, createReport } from './adoption/adoption-report.ts'
import { AdoptionTally } from './adoption/adoption-tally.ts'
import { RequestCount } from './adoption/count-requests.ts'
import { readDecisions } from './adoption/read-decisions.ts'
import { reportPage } from './adoption/report-page.ts'
import { tellReport } from './adoption/report-text.ts'
import { readServiceDates } from './adoption/service-dates.ts'
import { type CommandContext, examples } from './command-context.ts'
import { CommandError } from './errors.ts'
import { EXIT, say, sayJson, type Terminal, withProgress } from './terminal.ts'

interface ReportOptions {
  readonly since?: string
  readonly quietDays: string
  readonly service?: string
  readonly html?: string
  readonly json?: boolean
}

/** `countermark report`: who would be refused once guards enforce, and who still comes with an API key. */
export function reportCommand({ terminal, exit }: CommandContext): Command {
  return new Command('report')
    .summary('who would be refused, and who still uses an API key')
    .description(
      'Reads what guards decided, those that only observe above all: files of the audit trail, or of an event stream.',
    )
    .argument('<files...>', 'an audit trail or an event stream, in the order of time; - reads standard input')
    .option('--since <time>', 'only what came since: 7d, 24h, 90m, or ISO 8601')
    .option('--quiet-days <days>', 'how long nothing was refused of what is ready to enforce', '7')
    .option('--service <place>', "the service's origin, or a copy of its metadata: dates of API keys")
    .option('--html <file>', 'write a page besides: one file, without a script')
    .option('--json', 'for machines')
    .addHelpText(
      'after',
      examples(
        'countermark report audit.ndjson',
        'countermark report audit.ndjson --since 7d --html report.html',
        'redis-cli --raw XRANGE events - + | grep ^{ | countermark report -',
      ),
    )
    .action(async (files: readonly string[], options: ReportOptions) => {
      const report = await withProgress(terminal, `reading ${files.join(', ')}`, readReport(terminal, files, options))
      if (options.html !== undefined) writeFileSync(resolve(terminal.folder, options.html), reportPage(report))
      if (options.json === true) sayJson(terminal, report)
      else tell(terminal, report, options.html)
      exit(report.wouldBeRefused + report.refused === 0 ? EXIT.yes : EXIT.no)
    })
}

async function readReport(
  terminal: Terminal,
  files: readonly string[],
  { quietDays, service, since }: ReportOptions,
): Promise<AdoptionReport> {
  const days = Number(quietDays)
  if (!(days >= 0)) throw new CommandError(`${quietDays} is no number of days`, 'such as --quiet-days 7')
  const sinceMs = readSince(since, terminal.clock.wallMs())
  const announced = service === undefined ? undefined : await readServiceDates(service, terminal)
  const tally = new AdoptionTally()
  const requests = new RequestCount((request) => tally.add(request))
  for await (const seen of readDecisions(files, terminal)) {
    if (seen.type === 'outcome' || seen.atMs >= sinceMs) requests.add(seen)
  }
  requests.end()
  return createReport(tally, { quietDays: days, announced })
}

const UNITS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000 }

function readSince(since: string | undefined, nowMs: number): number {
  if (since === undefined) return Number.NEGATIVE_INFINITY
  const [, amount, unit = ''] = /^(\d{1,5})([dhm])$/.exec(since) ?? []
  const atMs = amount === undefined ? Date.parse(since) : nowMs - Number(amount) * (UNITS[unit] ?? Number.NaN)
  if (!Number.isNaN(atMs)) return atMs
  throw new CommandError(`${since} is no time`, 'such as --since 7d or --since 2026-11-30T12:00:00Z')
}

function tell(terminal: Terminal, report: AdoptionReport, page: string | undefined): void {
  tellReport(terminal, report)
  if (page !== undefined) say(terminal, '', `the page is ${page}`)
}
