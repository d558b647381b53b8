// What a start costs, alone: `npm run bench:start`. Part of `npm run bench`, too.
import { parseArgs } from 'node:util'
import { createAimsTable } from './aims-table.ts'
import { toTable } from './markdown-table.ts'
import { findNode } from './node-binary.ts'
import { measureStart } from './start-costs.ts'

const { values } = parseArgs({ options: { node: { type: 'string' } } })
const costs = await measureStart(findNode(values.node))
console.log(createAimsTable(new Map(), costs))
console.log(
  `\n${toTable(
    ['start', 'CPU'],
    [...costs].map(([about, value]) => [about, value.toFixed(1)]),
  )}`,
)
