export type { CommandOutput } from './command.ts'
export { runCommand } from './run-command.ts'
