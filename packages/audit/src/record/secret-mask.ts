import { Misconfigured } from '@countermark/core'
import { requireStrings } from '@countermark/core/internal'
import { SECRET_PARAMETERS, secretNames } from './secret-names.ts'

/** Parameters of a query, of a path (`;jsessionid=…`), of a form, and words with `=` in a sentence. */
const PAIR = /(^|[?&;#\s,])([^?=&;#\s,/]{1,256})(=)([^&;#\s]*)/g
const JSON_PAIR = /"([^"\\]{1,256})"\s*:\s*"(?:[^"\\]|\\.)*"/g

const KINDS = '%|\\[|token|secret|pass|pwd|key|sig|cred|assert|jwt|session|otp'

/** Credentials that show what they are: JSON Web Tokens, keys of well-known services, private keys, passwords in addresses. */
const SHAPES = new RegExp(
  [
    String.raw`\beyJ[\w-]{8,}\.[\w-]{2,}\.[\w-]*`,
    String.raw`\b(?:sk|rk|pk)_(?:live|test)_\w{8,}`,
    String.raw`\b(?:gh[pousr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|xox[abeoprs]-[\w-]{8,}|npm_\w{32,})`,
    String.raw`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`,
    String.raw`\bAIza[\w-]{30,}`,
    String.raw`-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*`,
    String.raw`(?<=:\/\/)[^\s/@:]*:[^\s/@]+(?=@)`,
    String.raw`(?<=\b(?:Bearer|DPoP|Basic)(?: |\+|%20))[\w.~+/-]{8,}=*`,
  ].join('|'),
  'gi',
)
const SHAPE_SUSPECT = /eyj|[srp]k_|gh[pousr]_|github_|glpat|xox|npm_|A[KS]IA|AIza|BEGIN|@|bearer|dpop|basic/i

/**
 * Finds credentials in texts that callers choose, and replaces each by `…`. Besides the names listed, names of these kinds
 * count: tokens, passwords, secrets, API keys, signatures, assertions and sessions, in brackets and in camel case too.
 * @throws {@link Misconfigured} `ERR_OPTION_INVALID`
 */
export class SecretMask {
  private readonly isSecret: (name: string) => boolean
  /** Most requests have no such word, and nothing encoded: one look is enough for them. */
  private readonly suspect: RegExp

  constructor(names: readonly string[]) {
    for (const name of requireStrings('secretParameters', names)) {
      if (/^[A-Za-z0-9._~-]{1,64}$/.test(name)) continue
      const message = 'each of secretParameters must be the plain name of a query parameter'
      throw new Misconfigured('ERR_OPTION_INVALID', message)
    }
    this.isSecret = secretNames(names)
    this.suspect = suspicion([...names, ...SECRET_PARAMETERS])
  }

  /** Whether a text, with a query in it or not, holds a credential. */
  holdsSecret(text: string): boolean {
    return this.maskText(text) !== text
  }

  maskText(text: string): string {
    const shaped = SHAPE_SUSPECT.test(text) ? maskShapes(text) : text
    return this.isWorthReading(shaped) ? this.maskJsonPairs(this.maskPairs(shaped)) : shaped
  }

  /** Masks everything in a value that JSON can say: members by their names, texts by what they hold. */
  maskJson(value: unknown, isHidden = false): unknown {
    if (typeof value === 'string') return isHidden && value !== '' ? '…' : this.maskText(value)
    if (Array.isArray(value)) return value.map((entry) => this.maskJson(entry, isHidden))
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value)
    const masked = entries.map(([name, member]) => [name, this.maskJson(member, isHidden || this.isSecret(name))])
    return Object.fromEntries(masked)
  }

  private isWorthReading(text: string): boolean {
    return (text.includes('=') || text.includes('%') || text.includes('"')) && this.suspect.test(text)
  }

  private maskPairs(text: string): string {
    return text.replace(PAIR, (whole, start: string, name: string, equals: string, value: string) => {
      if (value === '') return whole
      return this.isSecret(name) || this.holdsNested(value) ? `${start}${name}${equals}…` : whole
    })
  }

  private maskJsonPairs(text: string): string {
    return text.replace(JSON_PAIR, (whole, name: string) => (this.isSecret(name) ? '…' : whole))
  }

  /** A value that is itself an address with a query, or JSON, as it is or encoded once or twice. */
  private holdsNested(value: string): boolean {
    let text: string | undefined = value
    for (let times = 0; times < 3 && text !== undefined; times++) {
      if (SHAPE_SUSPECT.test(text) && maskShapes(text) !== text) return true
      if (text.includes('"') && this.maskJsonPairs(text) !== text) return true
      if (text.includes('=') && this.namesSecret(text)) return true
      text = text.includes('%') ? decode(text) : undefined
    }
    return false
  }

  private namesSecret(text: string): boolean {
    return text.replace(PAIR, (whole, _start, name: string) => (this.isSecret(name) ? '' : whole)) !== text
  }
}

function maskShapes(text: string): string {
  return text.replace(SHAPES, '…')
}

/** Every text with a credential holds one of these, however its name is written. */
function suspicion(names: readonly string[]): RegExp {
  const kinds = new RegExp(KINDS, 'i')
  const firstWords = names.filter((name) => !kinds.test(name)).map((name) => /[A-Za-z0-9]+/.exec(name)?.[0] ?? '')
  return new RegExp([KINDS, ...new Set(firstWords)].join('|'), 'i')
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    // What cannot be decoded has no other reading.
    return undefined
  }
}
