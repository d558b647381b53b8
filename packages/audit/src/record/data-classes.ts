import { type AgentRequest, Misconfigured } from '@countermark/core'
import { requireObject } from '@countermark/core/internal'

/** Classes of data by route template, such as `{ '/patients/:id': 'phi' }`; the first that fits decides. */
export type DataClasses = Readonly<Record<string, string>>

interface Tagged {
  readonly dataClass: string
  /** One per segment; `undefined` takes any. */
  readonly segments: readonly (string | undefined)[]
  /** Whether anything may follow. */
  readonly open: boolean
}

/**
 * Tags routes with the class of the data behind them, for retention and reports. A template has `:name` for any one segment and
 * `*` at its end for whatever follows; upper and lower case, doubled and trailing slashes make no difference, as routers have
 * it. Also a guard in front of the router, and a request that is refused, get their class.
 * @example
 * auditTrail({ sinks, dataClass: dataClasses({ '/patients/*': 'phi', '/cards/:id': 'cardholder' }) })
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export function dataClasses(classes: DataClasses): (request: AgentRequest) => string | undefined {
  requireObject('dataClasses', classes)
  const tagged = Object.entries(classes).map(([template, dataClass]) => readTemplate(template, dataClass))
  return ({ path }) => {
    const segments = segmentsOf(path)
    return tagged.find((candidate) => fits(candidate, segments))?.dataClass
  }
}

function readTemplate(template: string, dataClass: string): Tagged {
  if (typeof dataClass !== 'string' || !/^[a-z][a-z0-9_-]{0,63}$/.test(dataClass)) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'a class of data is a word in lower case, such as phi')
  }
  const open = /\/\*$/.test(template)
  const path = open ? template.slice(0, -1) : template
  if (!path.startsWith('/') || /[*?(){}]/.test(path)) {
    throw new Misconfigured('ERR_OPTION_INVALID', 'dataClasses names routes such as /patients/:id or /patients/*')
  }
  return { dataClass, open, segments: segmentsOf(path).map((text) => (text.startsWith(':') ? undefined : text)) }
}

function fits({ segments: wanted, open }: Tagged, segments: readonly string[]): boolean {
  if (open ? segments.length < wanted.length : segments.length !== wanted.length) return false
  return wanted.every((segment, index) => segment === undefined || segment === segments[index])
}

function segmentsOf(path: string): readonly string[] {
  return path.split('/').filter(Boolean).map(readSegment)
}

/** Too many tags are better than too few: what routers treat alike is one here. */
function readSegment(segment: string): string {
  try {
    return decodeURIComponent(segment).toLowerCase()
  } catch {
    // No router decodes it either.
    return segment.toLowerCase()
  }
}
