import type { RegulationReport } from '../reports/regulation-report.ts'
import type { Answer } from '../reports/requirement.ts'

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
