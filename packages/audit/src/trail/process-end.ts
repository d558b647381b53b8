/** What has to be done when a process ends. */
export interface Ending {
  /** Nothing is left to do: work that is begun now is still waited for. */
  readonly idle: () => void
  /** The last moment: nothing is waited for any more. */
  readonly exit: () => void
}

const endings = new Set<Ending>()

/** Registers what has to be done. One listener for all: Node warns of more than ten. Answers with what takes it back. */
export function whenProcessEnds(ending: Ending): () => void {
  if (endings.size === 0) process.on('beforeExit', idle).on('exit', exit)
  endings.add(ending)
  return () => {
    endings.delete(ending)
    if (endings.size === 0) process.off('beforeExit', idle).off('exit', exit)
  }
}

function idle(): void {
  for (const ending of endings) ending.idle()
}

function exit(): void {
  for (const ending of endings) ending.exit()
}
