/** One challenge of `WWW-Authenticate` (RFC 9110 section 11.6.1). */
interface AuthenticateChallenge {
  /** In lower case. */
  readonly scheme: string
  /** By lower-case name. */
  readonly parameters: ReadonlyMap<string, string>
}

const SEPARATOR = /[\s,]*/y
const PARAMETER = /([\w!#$%&'*+.^`|~-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([\w!#$%&'*+.^`|~-]+))(?=[ \t]*(?:,|$))/y
const SCHEME = /([\w!#$%&'*+.^`|~-]+)(?:[ \t]+|(?=,|$))/y
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y
const MAX_LENGTH = 8192

/** Reads challenges up to the first thing that is none; never throws: what cannot be read asks for nothing. */
export function parseChallenges(value: string): readonly AuthenticateChallenge[] {
  const challenges: { readonly scheme: string; readonly parameters: Map<string, string> }[] = []
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const match = pattern.exec(value)
    if (match !== null) at = pattern.lastIndex
    return match
  }
  if (value.length > MAX_LENGTH) return challenges
  for (take(SEPARATOR); at < value.length; take(SEPARATOR)) {
    const parameter = take(PARAMETER)
    if (parameter !== null) {
      const [, name = '', quoted, token] = parameter
      challenges.at(-1)?.parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? token ?? '')
      continue
    }
    const scheme = take(SCHEME)?.[1]
    if (scheme === undefined) break
    challenges.push({ scheme: scheme.toLowerCase(), parameters: new Map() })
    if (!isParameterNext(value, at)) take(TOKEN68)
  }
  return challenges
}

function isParameterNext(value: string, at: number): boolean {
  PARAMETER.lastIndex = at
  return PARAMETER.test(value)
}
