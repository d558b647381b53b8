import type { Answer } from '../reports/clause-answers.ts'
import { isRegulationName, type RegulationReport, regulationReport } from '../reports/regulation-report.ts'
import { type Command, commandAnchors, EXIT } from './command.ts'

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
  if (findingCount > 0)
    lines.push(
      `TAMPERED: ${findingCount} ${findingCount === 1 ? 'finding' : 'findings'}; nothing below can be relied on`,
    )
  for (const { clause, asks, answer, shows, gap } of clauses) {
    lines.push('', `${MARKS[answer]} ${clause}: ${asks}`, `            ${shows}`)
    if (gap !== undefined) lines.push(`            gap: ${gap}`)
  }
  lines.push('', 'What no trail can show:', ...beyond.map((line) => `  - ${line}`))
  lines.push('', 'Evidence for an assessor, no statement of compliance.')
  return `${lines.join('\n')}\n`
}
