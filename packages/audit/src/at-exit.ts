const ending = new Set<() => void>()

/**
 * Runs something while the process ends, when nothing can be waited for any more. One listener for all: Node warns of more
 * than ten. Answers with what takes it back.
 */
export function atExit(run: () => void): () => void {
  if (ending.size === 0) process.on('exit', runAll)
  ending.add(run)
  return () => {
    ending.delete(run)
    if (ending.size === 0) process.off('exit', runAll)
  }
}

function runAll(): void {
  for (const run of ending) run()
}
