/** A table as Markdown writes it; short rows are filled up. */
export function toTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const padded = rows.map((row) => header.map((_, column) => row[column] ?? ''))
  return [header, header.map(() => '---'), ...padded].map((row) => `| ${row.join(' | ')} |`).join('\n')
}
