export { runCommand } from './command/run-command.ts'
export { rehearseTrails } from './trail/rehearsal.ts'
