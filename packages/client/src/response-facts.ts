/** What a response says of the way that it came; of a response that was made here, it knows nothing. */
export interface ResponseFacts {
  readonly url?: string
  readonly redirected?: boolean
}

/** Lets a response, and every copy of it, say these facts. */
export function withFacts(response: Response, facts: ResponseFacts): Response {
  const { clone } = response
  for (const [name, value] of Object.entries(facts)) {
    Object.defineProperty(response, name, { value, configurable: true, enumerable: true })
  }
  Object.defineProperty(response, 'clone', {
    value: () => withFacts(clone.call(response), facts),
    configurable: true,
    writable: true,
  })
  return response
}
