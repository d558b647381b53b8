// What an authority of many agents costs: npm run measure:authority [-- --agents N] [--seconds N] [--write FILE]
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createTempFolder, requirePostgres, startPostgres } from '@countermark/testing'
import { replaceSection, writeHead } from './figures-page.ts'
import { type EngineMeasured, measureEngine } from './measure-engine.ts'
import { writeEngines } from './write-engines.ts'

const { values: options } = parseArgs({
  options: {
    agents: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '15' },
    write: { type: 'string' },
  },
})
const [agents = 0, seconds = 0] = [options.agents, options.seconds].map(Number)
const measured: EngineMeasured[] = []
const folder = await createTempFolder()
measured.push(await measureEngine({ address: `file:${folder.path}/authority.db`, agents, seconds }))
await folder.remove()
const programs = requirePostgres()
if (programs !== undefined) {
  const server = await startPostgres(programs)
  measured.push(await measureEngine({ address: server.url, agents, seconds }))
  await server.stop()
}
const section = writeEngines(measured, agents)
console.log(section)
if (options.write !== undefined) {
  const head = writeHead(`\`npm run measure:authority -- --agents ${agents}\``)
  writeFileSync(options.write, replaceSection(options.write, 'Many agents', `${head}\n\n${section}`))
}
process.exit(0)
