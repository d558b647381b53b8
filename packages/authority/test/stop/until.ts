/** Waits until something is so, without guessing how long that takes. @throws Error after five seconds */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 5000
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error('it did not become so')
    await new Promise((resolve) => {
      setTimeout(resolve, 5)
    })
  }
}
