/** Tells whoever runs the process what it cannot tell in the trail: a line on standard error. */
export type TellOperator = (message: string) => void

/** Writes the line. Not a process warning: those can be switched off, and come too late while a process ends. */
export const tellOperator: TellOperator = (message) => {
  process.stderr.write(`countermark audit: ${message}\n`)
}
