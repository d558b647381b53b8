/** Tells the operator, in a line on standard error, what cannot be told in the trail. */
export type TellOperator = (message: string) => void

/** Writes the line. Not a process warning: those can be switched off, and come too late while a process ends. */
export const tellOperator: TellOperator = (message) => {
  process.stderr.write(`countermark audit: ${message}\n`)
}
