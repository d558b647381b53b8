import type { TrailReport } from './verify-trail.ts'

/** What a person reads about a verified trail. */
export function reportText(report: TrailReport): string {
  const { chains, checkpoints, erased, findingCount, findings, halfWritten, pruned, records } = report
  const lines = [`${records} records in ${chains.length} ${chains.length === 1 ? 'chain' : 'chains'}`]
  for (const { chain, first, last, anchoredTo, anchoredAt } of chains) {
    lines.push(`  ${chain}: records ${first} to ${last}`)
    if (anchoredTo > 0) lines.push(`    anchored to record ${anchoredTo} by the checkpoint of ${anchoredAt}`)
    if (anchoredTo < last)
      lines.push(
        `    NOT ANCHORED: records ${Math.max(anchoredTo + 1, first)} to ${last}; who can write them can replace them`,
      )
  }
  if (checkpoints.rejected > 0) lines.push(`${checkpoints.rejected} checkpoints are not signed with a trusted key`)
  if (erased > 0) lines.push(`${erased} values were erased; the records hold without them`)
  if (pruned > 0) lines.push(`${pruned} records were pruned; their places hold`)
  if (halfWritten > 0) lines.push(`the last line is half written (${halfWritten} bytes): no record`)
  for (const { kind, message, file, line } of findings) {
    lines.push(`${kind.toUpperCase()} ${file === undefined ? '' : `${file}:${line} `}${message}`)
  }
  if (findingCount > findings.length) lines.push(`and ${findingCount - findings.length} more`)
  lines.push(conclusion(report))
  return `${lines.join('\n')}\n`
}

/** Without a checkpoint a trail cannot show its end: that nothing was cut off is then not said. */
function conclusion({ chains, findingCount }: TrailReport): string {
  if (findingCount > 0) return `TAMPERED: ${findingCount} ${findingCount === 1 ? 'finding' : 'findings'}`
  if (chains.every(({ anchoredTo, last }) => anchoredTo >= last)) return 'nothing was altered'
  return 'no alteration was found; what is NOT ANCHORED can have been replaced or cut off all the same'
}
