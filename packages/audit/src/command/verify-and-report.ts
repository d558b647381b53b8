import type { Writable } from 'node:stream'
import { printable } from '../record/bounded-text.ts'
import type { Answer } from '../reports/clause-answers.ts'
import { isRegulationName, type RegulationReport, regulationReport } from '../reports/regulation-report.ts'
import { countFindings, type Finding } from '../verify/check-record.ts'
import { type PlacedFinding, type TrailReport, verifyTrail } from '../verify/verify-trail.ts'
import { type Command, commandAnchors, EXIT } from './command.ts'

/** `verify FILE…`: whether a trail is as it was written, and which part of it is anchored. */
export const verifyCommand: Command = async (input, { stdout, stderr }) => {
  const { files, options } = input
  const anchors = await commandAnchors(input)
  const report = await verifyTrail(files, {
    anchors,
    partial: options['partial'] === true,
    requireAnchored: options['require-anchored'] === true,
    allowEmpty: options['allow-empty'] === true,
    onProgress: (read, total) => showProgress(stderr, read, total),
  })
  stdout.write(options['json'] === true ? `${JSON.stringify(report)}\n` : reportText(report))
  return report.findingCount === 0 ? EXIT.intact : EXIT.tampered
}

const LARGE_BYTES = 1 << 24
const WIDTH = 40

/** On a terminal the bar overwrites itself; small trails are over before it could be read. */
function showProgress(stderr: Writable, read: number, total: number): void {
  if (total < LARGE_BYTES) return
  const share = total === 0 ? 1 : read / total
  const bar = '#'.repeat(Math.floor(share * WIDTH)).padEnd(WIDTH, '.')
  stderr.write(`\r[${bar}] ${Math.floor(share * 100)} % of ${Math.ceil(total / 1e6)} MB${read === total ? '\n' : ''}`)
}

/** What a person reads about a verified trail. */
export function reportText(report: TrailReport): string {
  const { chains, erased, evidence, findingCount, findings, halfWritten, pruned, records } = report
  const lines = [`${records} records in ${chains.length} ${chains.length === 1 ? 'chain' : 'chains'}`]
  for (const { chain, first, last, anchoredTo, anchoredAt } of chains) {
    lines.push(`  ${chain}: records ${first} to ${last}`)
    if (anchoredTo > 0) lines.push(`    anchored to record ${anchoredTo} by the checkpoint of ${anchoredAt}`)
    if (anchoredTo < last)
      lines.push(
        `    NOT ANCHORED: records ${Math.max(anchoredTo + 1, first)} to ${last}; a writer of the trail can replace them`,
      )
  }
  if (evidence.verified > 0) lines.push(`${evidence.verified} decisions hold a signature that verifies`)
  if (evidence.incomplete > 0) {
    lines.push(`${evidence.incomplete} signatures can be verified by a holder of the credential or content they cover`)
  }
  if (erased > 0) lines.push(`${erased} values were erased; the records hold without them`)
  if (pruned > 0) lines.push(`${pruned} records were pruned; their places hold`)
  if (halfWritten > 0) lines.push(`the last line is half written (${halfWritten} bytes): no record`)
  const found = findings.map(findingText).join('')
  const ends = findingCount > findings.length ? [`and ${findingCount - findings.length} more`] : []
  return linesText(lines) + found + linesText([...ends, conclusion(report)])
}

/** One finding for a person. */
export function findingText({ kind, message, file, line }: Finding & Partial<PlacedFinding>): string {
  return linesText([`${kind.toUpperCase()} ${file === undefined ? '' : `${file}:${line} `}${message}`])
}

function linesText(lines: readonly string[]): string {
  return lines.map((line) => `${printable(line)}\n`).join('')
}

/** Without a checkpoint a trail cannot show its end: that nothing was cut off is then not said. */
function conclusion({ chains, findingCount, records }: TrailReport): string {
  if (findingCount > 0) return `TAMPERED: ${countFindings(findingCount)}`
  if (records === 0) return 'no record, and nothing to verify'
  if (chains.every(({ anchoredTo, last }) => anchoredTo >= last)) return 'nothing was altered'
  return 'no alteration was found; what is NOT ANCHORED can have been replaced or cut off all the same'
}

/** `report --regulation NAME FILE…`: what a trail shows of what a regulation asks, and what it does not. */
export const reportCommand: Command = async (input, { stdout }) => {
  const { regulation, json } = input.options
  if (!isRegulationName(regulation)) throw new TypeError('report needs --regulation sox, hipaa, gdpr or pci')
  const report = await regulationReport(input.files, {
    regulation,
    anchors: await commandAnchors(input),
    partial: input.options['partial'] === true,
  })
  stdout.write(json === true ? `${JSON.stringify(report)}\n` : regulationText(report))
  return report.findingCount === 0 ? EXIT.intact : EXIT.tampered
}

const MARKS: Readonly<Record<Answer, string>> = {
  shown: '[shown]    ',
  partly: '[partly]   ',
  not_shown: '[not shown]',
}

/** A report for a person. */
export function regulationText({ title, summary, findingCount, clauses, beyond }: RegulationReport): string {
  const { records, from = 'never', until = 'never' } = summary
  const lines = [title, `${records} records from ${from} to ${until}`]
  if (findingCount > 0) lines.push(`TAMPERED: ${countFindings(findingCount)}; nothing below can be relied on`)
  for (const { clause, asks, answer, shows, gap } of clauses) {
    lines.push('', `${MARKS[answer]} ${clause}: ${asks}`, `            ${shows}`)
    if (gap !== undefined) lines.push(`            gap: ${gap}`)
  }
  lines.push('', 'What no trail can show:', ...beyond.map((line) => `  - ${line}`))
  lines.push('', 'Evidence for an assessor, no statement of compliance.')
  return `${lines.join('\n')}\n`
}
