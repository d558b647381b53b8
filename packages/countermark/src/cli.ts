#!/usr/bin/env node
import { runCountermark } from './commands/program.ts'
import { terminalOf } from './commands/terminal.ts'

void runCountermark(process.argv.slice(2), terminalOf(process)).then((code) => {
  process.exitCode = code
})
