/** Whether a request is one of the routes that the policy calls safe. */
export type IsSafeRoute = (method: string, path: string) => boolean

/** Compiles routes such as `POST /reports/:id/preview`: `:name` stands for one segment, all else for itself. */
export function compileSafeRoutes(routes: readonly string[]): IsSafeRoute {
  if (routes.length === 0) return () => false
  const patterns = routes.map((route) => {
    const [method = '', path = ''] = route.split(' ')
    const segments = path.split('/').map((segment) => (segment.startsWith(':') ? '[^/]+' : escapeText(segment)))
    return { method, path: new RegExp(`^${segments.join('/')}$`) }
  })
  return (method, path) => patterns.some((pattern) => pattern.method === method && pattern.path.test(path))
}

function escapeText(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
