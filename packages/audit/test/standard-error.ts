/** Keeps what is written to standard error from now on. */
export function captureStandardError(): { readonly stop: () => readonly string[] } {
  const lines: string[] = []
  const spy = jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
    lines.push(String(text))
    return true
  })
  return {
    stop: () => {
      spy.mockRestore()
      return lines
    },
  }
}
