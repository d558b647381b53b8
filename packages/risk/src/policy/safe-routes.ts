/** Whether a request is one of the routes that the policy calls safe. */
export type IsSafeRoute = (method: string, path: string) => boolean

/** Compiles routes such as `POST /reports/:id/preview`: `:name` stands for one segment, all else for itself. */
export function compileSafeRoutes(routes: readonly string[]): IsSafeRoute {
  const patterns = routes.map((route) => {
    const [method = '', path = ''] = route.split(' ')
    return { method, segments: path.split('/') }
  })
  return (method, path) => {
    const given = path.split('/')
    return patterns.some((pattern) => pattern.method === method && matches(pattern.segments, given))
  }
}

function matches(segments: readonly string[], given: readonly string[]): boolean {
  if (segments.length !== given.length) return false
  return segments.every((segment, at) => (segment.startsWith(':') ? given[at] !== '' : segment === given[at]))
}
