#!/usr/bin/env node
import { runCountermark } from './commands/program.ts'
import { terminalOf } from './commands/terminal.ts'

// What reads us may have seen enough: `countermark agent list | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

void runCountermark(process.argv.slice(2), terminalOf(process)).then((code) => {
  process.exitCode = code
})
