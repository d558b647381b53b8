// Writes what Grafana and Prometheus read: npm run dashboards:generate [-- --prefix NAME_ --runbooks URL --out FOLDER]
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { generateFiles } from './generated-files.ts'

const { values } = parseArgs({
  options: { prefix: { type: 'string' }, runbooks: { type: 'string' }, out: { type: 'string' } },
})
const folder = resolve(values.out ?? join(import.meta.dirname, '..'))
for (const [name, text] of generateFiles(values)) {
  mkdirSync(dirname(join(folder, name)), { recursive: true })
  writeFileSync(join(folder, name), text)
  console.log(`written ${name}`)
}
